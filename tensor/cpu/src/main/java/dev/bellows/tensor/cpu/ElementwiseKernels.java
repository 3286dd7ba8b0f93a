package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.exp;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Element-wise kernels over runs of `n` floats.
final class ElementwiseKernels {
  /// gelu(x) = x·sigmoid(2u) with u = sqrt(2/π)(x + 0.044715x³), since (1 + tanh u)/2 = sigmoid(2u).
  private static final float MINUS_TWO_SCALE = -1.5957691216057308f;
  private static final float CUBIC = 0.044715f;

  private ElementwiseKernels() {}

  static void fill(long x, int n, float value) {
    FloatVector v = all(value);
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(v, x + 4L * i);
    }
    if (i < n) {
      store(v, x + 4L * i, first(n - i));
    }
  }

  static void add(long a, long b, long out, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(load(a + 4L * i).add(load(b + 4L * i)), out + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      store(load(a + 4L * i, mask).add(load(b + 4L * i, mask)), out + 4L * i, mask);
    }
  }

  static void scale(long x, int n, float factor) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(load(x + 4L * i).mul(factor), x + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      store(load(x + 4L * i, mask).mul(factor), x + 4L * i, mask);
    }
  }

  static void relu(long x, long y, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(load(x + 4L * i).max(zero()), y + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      store(load(x + 4L * i, mask).max(zero()), y + 4L * i, mask);
    }
  }

  static void reluBackward(long y, long dy, long dx, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      VectorMask<Float> positive = load(y + 4L * i).compare(VectorOperators.GT, 0f);
      store(zero().blend(load(dy + 4L * i), positive), dx + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      VectorMask<Float> positive = load(y + 4L * i, mask).compare(VectorOperators.GT, 0f);
      store(zero().blend(load(dy + 4L * i, mask), positive), dx + 4L * i, mask);
    }
  }

  static void gelu(long x, long y, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(gelu(load(x + 4L * i)), y + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      store(gelu(load(x + 4L * i, mask)), y + 4L * i, mask);
    }
  }

  private static FloatVector gelu(FloatVector x) {
    FloatVector inner = x.mul(x).fma(all(CUBIC), all(1f)).mul(x);
    return x.div(exp(inner.mul(MINUS_TWO_SCALE)).add(1f));
  }

  static void geluBackward(long x, long dy, long dx, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(geluDerivative(load(x + 4L * i)).mul(load(dy + 4L * i)), dx + 4L * i);
    }
    if (i < n) {
      VectorMask<Float> mask = first(n - i);
      store(geluDerivative(load(x + 4L * i, mask)).mul(load(dy + 4L * i, mask)), dx + 4L * i, mask);
    }
  }

  /// With e = exp(-2u) and s = 1/(1 + e): s + x·s·(1 - s)·2u', where 1 - s = e·s.
  private static FloatVector geluDerivative(FloatVector x) {
    FloatVector square = x.mul(x);
    FloatVector e = exp(square.fma(all(CUBIC), all(1f)).mul(x).mul(MINUS_TWO_SCALE));
    FloatVector s = all(1f).div(e.add(1f));
    FloatVector slope = square.fma(all(-3f * CUBIC * MINUS_TWO_SCALE), all(-MINUS_TWO_SCALE));
    return x.mul(e.mul(s)).fma(slope.mul(s), s);
  }
}
