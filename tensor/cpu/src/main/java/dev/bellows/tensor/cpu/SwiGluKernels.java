package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.exp;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// `silu(gate) · up` over rows of `n` gates and `n` ups. With e = exp(-gate): silu(gate) = gate / (1 + e).
final class SwiGluKernels {
  private SwiGluKernels() {}

  static void forward(long x, long y, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      forwardRow(x + 8L * i * n, x + 8L * i * n + 4L * n, y + 4L * i * n, n);
    }
  }

  private static void forwardRow(long gate, long up, long y, int n) {
    for (int j = 0; j < n; j += WIDTH) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      FloatVector g = load(gate + at, mask);
      store(g.div(exp(g.neg()).add(1f)).mul(load(up + at, mask)), y + at, mask);
    }
  }

  static void backward(long x, long dy, long dx, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      backwardRow(x + 8L * i * n, dy + 4L * i * n, dx + 8L * i * n, n);
    }
  }

  /// With s = 1 / (1 + e), where 1 - s = e · s: dgate = dy · up · s · (1 + gate · e · s), dup = dy · gate · s.
  private static void backwardRow(long x, long dy, long dx, int n) {
    long up = 4L * n;
    for (int j = 0; j < n; j += WIDTH) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      FloatVector g = load(x + at, mask);
      FloatVector e = exp(g.neg());
      FloatVector s = all(1f).div(e.add(1f));
      FloatVector gradient = load(dy + at, mask).mul(s);
      store(gradient.mul(load(x + at + up, mask)).mul(g.fma(e.mul(s), all(1f))), dx + at, mask);
      store(gradient.mul(g), dx + at + up, mask);
    }
  }
}
