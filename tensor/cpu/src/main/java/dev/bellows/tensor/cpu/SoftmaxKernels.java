package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.exp;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Row-wise softmax pieces, shared by cross-entropy and attention.
final class SoftmaxKernels {
  private SoftmaxKernels() {}

  /// The largest of `n` floats; NaN when one is, negative infinity for none.
  static float maximum(long x, int n) {
    FloatVector a = all(Float.NEGATIVE_INFINITY);
    FloatVector b = a;
    int j = 0;
    for (; j <= n - 2 * WIDTH; j += 2 * WIDTH) {
      a = a.max(load(x + 4L * j));
      b = b.max(load(x + 4L * j + 4L * WIDTH));
    }
    for (; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      a = a.max(all(Float.NEGATIVE_INFINITY).blend(load(x + 4L * j, mask), mask));
    }
    return a.max(b).reduceLanes(VectorOperators.MAX);
  }

  /// `y[j] = exp(scale·x[j] + shift)`; returns the sum. `y` may be `x`.
  static float exponentials(long x, int n, float scale, float shift, long y) {
    FloatVector factor = all(scale);
    FloatVector offset = all(shift);
    FloatVector a = zero();
    FloatVector b = zero();
    int j = 0;
    for (; j <= n - 2 * WIDTH; j += 2 * WIDTH) {
      long at = 4L * j;
      FloatVector p = exp(load(x + at).fma(factor, offset));
      FloatVector q = exp(load(x + at + 4L * WIDTH).fma(factor, offset));
      store(p, y + at);
      store(q, y + at + 4L * WIDTH);
      a = a.add(p);
      b = b.add(q);
    }
    for (; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      FloatVector p = zero().blend(exp(load(x + 4L * j, mask).fma(factor, offset)), mask);
      store(p, y + 4L * j, mask);
      a = a.add(p);
    }
    return Lanes.sum(a.add(b));
  }

  /// The sum of exp(x[j] + shift).
  private static float exponentialSum(long x, int n, float shift) {
    FloatVector a = zero();
    FloatVector b = zero();
    int j = 0;
    for (; j <= n - 2 * WIDTH; j += 2 * WIDTH) {
      a = a.add(exp(load(x + 4L * j).add(shift)));
      b = b.add(exp(load(x + 4L * j + 4L * WIDTH).add(shift)));
    }
    for (; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      a = a.add(zero().blend(exp(load(x + 4L * j, mask).add(shift)), mask));
    }
    return Lanes.sum(a.add(b));
  }

  /// Losses of `rows` rows of width `n`.
  static void crossEntropy(long logits, long targets, long losses, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      int target = ALL.get(JAVA_INT, targets + 4L * i);
      long row = logits + 4L * i * n;
      float loss = 0;
      if (target >= 0) {
        float maximum = maximum(row, n);
        loss = loss(row, target, maximum, exponentialSum(row, n, -maximum));
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, loss);
    }
  }

  /// Losses and gradients of `rows` rows of width `n`. `dlogits` may be `logits`.
  static void crossEntropyWithGradient(long logits, long targets, float scale, long losses, long dlogits, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      int target = ALL.get(JAVA_INT, targets + 4L * i);
      long row = logits + 4L * i * n;
      long gradient = dlogits + 4L * i * n;
      float loss = 0;
      if (target < 0) {
        ElementwiseKernels.fill(gradient, n, 0f);
      } else {
        float maximum = maximum(row, n);
        // Read before the gradient takes the logits' place.
        float right = ALL.get(JAVA_FLOAT, row + 4L * target);
        float sum = exponentials(row, n, 1f, -maximum, gradient);
        loss = (float) (StrictMath.log(sum) + ((double) maximum - right));
        ElementwiseKernels.scale(gradient, n, scale / sum);
        ALL.set(JAVA_FLOAT, gradient + 4L * target, ALL.get(JAVA_FLOAT, gradient + 4L * target) - scale);
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, loss);
    }
  }

  private static float loss(long row, int target, float maximum, float sum) {
    return (float) (StrictMath.log(sum) + ((double) maximum - ALL.get(JAVA_FLOAT, row + 4L * target)));
  }
}
