package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.ORDER;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Element-wise kernels over runs of `n` floats.
final class ElementwiseKernels {
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
      store(VectorFunctions.gelu(load(x + 4L * i)), y + 4L * i);
    }
    if (i < n) {
      geluOfPart(x + 4L * i, y + 4L * i, n - i);
    }
  }

  private static void geluOfPart(long x, long y, int n) {
    VectorMask<Float> mask = first(n);
    store(VectorFunctions.gelu(load(x, mask)), y, mask);
  }

  static void geluBackward(long x, long dy, long dx, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      // Not by store(): the compiler's budget is nearly used up here, and beyond it only the JDK's
      // own methods are inlined.
      VectorFunctions.geluDerivative(load(x + 4L * i))
          .mul(load(dy + 4L * i))
          .intoMemorySegment(ALL, dx + 4L * i, ORDER);
    }
    if (i < n) {
      geluBackwardOfPart(x + 4L * i, dy + 4L * i, dx + 4L * i, n - i);
    }
  }

  private static void geluBackwardOfPart(long x, long dy, long dx, int n) {
    VectorMask<Float> mask = first(n);
    store(VectorFunctions.geluDerivative(load(x, mask)).mul(load(dy, mask)), dx, mask);
  }
}
