package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Root-mean-square normalisation over runs of rows of width `n`. A row is read from memory once and stays in the first-level cache.
final class RmsNormKernels {
  private RmsNormKernels() {}

  static void forward(
      long x, long gamma, double epsilon, long y, long inverseRms, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      long row = x + 4L * i * n;
      float inverse = (float) (1 / Math.sqrt(squares(row, n) / n + epsilon));
      normalise(row, gamma, inverse, y + 4L * i * n, n);
      ALL.set(JAVA_FLOAT, inverseRms + 4L * i, inverse);
    }
  }

  private static float squares(long x, int n) {
    FloatVector a = zero();
    FloatVector b = zero();
    int j = 0;
    for (; j <= n - 2 * WIDTH; j += 2 * WIDTH) {
      FloatVector p = load(x + 4L * j);
      FloatVector q = load(x + 4L * j + 4L * WIDTH);
      a = p.fma(p, a);
      b = q.fma(q, b);
    }
    float total = Lanes.sum(a.add(b));
    for (; j < n; j += WIDTH) {
      FloatVector p = load(x + 4L * j, first(n - j));
      total += Lanes.sum(p.mul(p));
    }
    return total;
  }

  private static void normalise(long x, long gamma, float inverse, long y, int n) {
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      store(load(x + at).mul(inverse).mul(load(gamma + at)), y + at);
    }
    if (j < n) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      store(load(x + at, mask).mul(inverse).mul(load(gamma + at, mask)), y + at, mask);
    }
  }

  /// Gradients of one row block; `dgamma` is overwritten with the block's sums. `dx` may be `dy`.
  static void backward(
      long x, long gamma, long inverseRms, long dy, long dx, long dgamma, int rows, int n) {
    ElementwiseKernels.fill(dgamma, n, 0f);
    for (int i = 0; i < rows; i++) {
      long at = 4L * i * n;
      float inverse = ALL.get(JAVA_FLOAT, inverseRms + 4L * i);
      float sum = parameterGradient(x + at, gamma, inverse, dy + at, dgamma, n);
      inputGradient(x + at, gamma, inverse, sum / n, dy + at, dx + at, n);
    }
  }

  /// Adds the row's part to dgamma; returns the sum of w·h, with w = dy·gamma and h = x·inverse.
  private static float parameterGradient(
      long x, long gamma, float inverse, long dy, long dgamma, int n) {
    FloatVector sum = zero();
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      FloatVector gh = load(dy + at).mul(load(x + at).mul(inverse));
      sum = gh.fma(load(gamma + at), sum);
      store(gh.add(load(dgamma + at)), dgamma + at);
    }
    float total = Lanes.sum(sum);
    if (j < n) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      FloatVector gh = load(dy + at, mask).mul(load(x + at, mask).mul(inverse));
      total += Lanes.sum(gh.mul(load(gamma + at, mask)));
      store(gh.add(load(dgamma + at, mask)), dgamma + at, mask);
    }
    return total;
  }

  /// `dx = inverse · (w - h · average)`.
  private static void inputGradient(
      long x, long gamma, float inverse, float average, long dy, long dx, int n) {
    FloatVector minusAverage = all(-average);
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      FloatVector h = load(x + at).mul(inverse);
      FloatVector w = load(dy + at).mul(load(gamma + at));
      store(h.fma(minusAverage, w).mul(inverse), dx + at);
    }
    if (j < n) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      FloatVector h = load(x + at, mask).mul(inverse);
      FloatVector w = load(dy + at, mask).mul(load(gamma + at, mask));
      store(h.fma(minusAverage, w).mul(inverse), dx + at, mask);
    }
  }
}
