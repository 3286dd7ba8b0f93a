package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Turns the pairs (i, i + half) of heads by angles whose cosines and sines are given.
final class RotaryKernels {
  private RotaryKernels() {}

  /// One row: `heads` heads of 2 · `half` elements. `sign` is 1, or -1 to turn back; `y` may be `x`.
  static void row(long x, long cosines, long sines, float sign, long y, int heads, int half) {
    for (int head = 0; head < heads; head++) {
      long at = 8L * head * half;
      head(x + at, cosines, sines, sign, y + at, half);
    }
  }

  private static void head(long x, long cosines, long sines, float sign, long y, int half) {
    long second = 4L * half;
    int j = 0;
    for (; j <= half - WIDTH; j += WIDTH) {
      long at = 4L * j;
      FloatVector c = load(cosines + at);
      FloatVector s = load(sines + at).mul(sign);
      FloatVector a = load(x + at);
      FloatVector b = load(x + at + second);
      store(a.mul(c).sub(b.mul(s)), y + at);
      store(a.fma(s, b.mul(c)), y + at + second);
    }
    if (j < half) {
      long at = 4L * j;
      VectorMask<Float> mask = first(half - j);
      FloatVector c = load(cosines + at, mask);
      FloatVector s = load(sines + at, mask).mul(all(sign));
      FloatVector a = load(x + at, mask);
      FloatVector b = load(x + at + second, mask);
      store(a.mul(c).sub(b.mul(s)), y + at, mask);
      store(a.fma(s, b.mul(c)), y + at + second, mask);
    }
  }
}
