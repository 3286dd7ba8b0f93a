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

  /// The largest of `n` floats that is not NaN; negative infinity when there is none. A NaN shows in the sum of exponentials.
  static float maximum(long x, int n) {
    FloatVector a = all(Float.NEGATIVE_INFINITY);
    FloatVector b = a;
    int j = 0;
    for (; j <= n - 2 * WIDTH; j += 2 * WIDTH) {
      a = VectorFunctions.larger(a, load(x + 4L * j));
      b = VectorFunctions.larger(b, load(x + 4L * j + 4L * WIDTH));
    }
    float most = VectorFunctions.larger(a, b).reduceLanes(VectorOperators.MAX);
    for (; j < n; j += WIDTH) {
      most = Math.max(most, maximumOfPart(x + 4L * j, n - j));
    }
    return most;
  }

  private static float maximumOfPart(long x, int n) {
    FloatVector none = all(Float.NEGATIVE_INFINITY);
    VectorMask<Float> mask = first(n);
    return VectorFunctions.larger(none, none.blend(load(x, mask), mask))
        .reduceLanes(VectorOperators.MAX);
  }

  /// `y[j] = exp(scale·x[j] + shift)`; returns the sum. `y` may be `x`.
  static float exponentials(long x, int n, float scale, float shift, long y) {
    FloatVector factor = all(scale);
    FloatVector offset = all(shift);
    FloatVector sum = zero();
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      FloatVector p = exp(load(x + 4L * j).fma(factor, offset));
      store(p, y + 4L * j);
      sum = sum.add(p);
    }
    float total = Lanes.sum(sum);
    return j < n ? total + exponentialsOfPart(x + 4L * j, n - j, scale, shift, y + 4L * j) : total;
  }

  private static float exponentialsOfPart(long x, int n, float scale, float shift, long y) {
    VectorMask<Float> mask = first(n);
    FloatVector p = zero().blend(exp(load(x, mask).fma(all(scale), all(shift))), mask);
    store(p, y, mask);
    return Lanes.sum(p);
  }

  /// The sum of exp(x[j] + shift).
  private static float exponentialSum(long x, int n, float shift) {
    FloatVector sum = zero();
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      sum = sum.add(exp(load(x + 4L * j).add(shift)));
    }
    float total = Lanes.sum(sum);
    return j < n ? total + exponentialSumOfPart(x + 4L * j, n - j, shift) : total;
  }

  private static float exponentialSumOfPart(long x, int n, float shift) {
    VectorMask<Float> mask = first(n);
    return Lanes.sum(zero().blend(exp(load(x, mask).add(shift)), mask));
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
  static void crossEntropyWithGradient(
      long logits, long targets, float scale, long losses, long dlogits, int rows, int n) {
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
        ALL.set(
            JAVA_FLOAT,
            gradient + 4L * target,
            ALL.get(JAVA_FLOAT, gradient + 4L * target) - scale);
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, loss);
    }
  }

  private static float loss(long row, int target, float maximum, float sum) {
    return (float)
        (StrictMath.log(sum) + ((double) maximum - ALL.get(JAVA_FLOAT, row + 4L * target)));
  }
}
