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

import dev.bellows.tensor.Loss;
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
  static void crossEntropy(Loss loss, long logits, long targets, long losses, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      int target = ALL.get(JAVA_INT, targets + 4L * i);
      long row = logits + 4L * i * n;
      float value = 0;
      if (target >= 0) {
        float maximum = maximum(row, n);
        float right = ALL.get(JAVA_FLOAT, row + 4L * target);
        double logSum = StrictMath.log(exponentialSum(row, n, -maximum));
        value = value(loss, logSum, maximum, right, average(loss, row, n));
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, value);
    }
  }

  /// Losses and gradients of `rows` rows of width `n`. `dlogits` may be `logits`.
  static void crossEntropyWithGradient(
      Loss loss,
      long logits,
      long targets,
      float scale,
      long losses,
      long dlogits,
      int rows,
      int n) {
    for (int i = 0; i < rows; i++) {
      int target = ALL.get(JAVA_INT, targets + 4L * i);
      long row = logits + 4L * i * n;
      long gradient = dlogits + 4L * i * n;
      float value = 0;
      if (target < 0) {
        ElementwiseKernels.fill(gradient, n, 0f);
      } else {
        float maximum = maximum(row, n);
        // Read before the gradient takes the logits' place.
        float right = ALL.get(JAVA_FLOAT, row + 4L * target);
        double average = average(loss, row, n);
        float sum = exponentials(row, n, 1f, -maximum, gradient);
        double logSum = StrictMath.log(sum);
        value = value(loss, logSum, maximum, right, average);
        finishGradient(loss, gradient, n, target, scale, sum, logSum + maximum);
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, value);
    }
  }

  /// The average logit, where the loss asks for it.
  private static double average(Loss loss, long row, int n) {
    return loss.labelSmoothing() == 0 ? 0 : ReductionKernels.sum(row, n) / n;
  }

  /// A row's loss, from log(sum of exp(x - maximum)), its maximum, the target's logit and the average logit.
  static float value(Loss loss, double logSum, double maximum, double right, double average) {
    double plain = logSum + (maximum - right);
    if (loss.isPlain()) {
      return (float) plain;
    }
    double logSumExp = logSum + maximum;
    return (float)
        (plain + loss.labelSmoothing() * (right - average) + loss.zLoss() * logSumExp * logSumExp);
  }

  /// Turns the exponentials of a row into its gradient.
  private static void finishGradient(
      Loss loss, long gradient, int n, int target, float scale, float sum, double logSumExp) {
    float factor = scale / sum;
    float right = scale;
    if (!loss.isPlain()) {
      factor = (float) (factor * (1 + 2 * loss.zLoss() * logSumExp));
      right = (float) (scale * (1 - loss.labelSmoothing()));
    }
    if (loss.labelSmoothing() == 0) {
      ElementwiseKernels.scale(gradient, n, factor);
    } else {
      scaleAndShift(gradient, n, factor, (float) (-scale * loss.labelSmoothing() / n));
    }
    long at = gradient + 4L * target;
    ALL.set(JAVA_FLOAT, at, ALL.get(JAVA_FLOAT, at) - right);
  }

  /// `x[j] = factor·x[j] + shift`.
  static void scaleAndShift(long x, int n, float factor, float shift) {
    FloatVector factors = all(factor);
    FloatVector shifts = all(shift);
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      store(load(x + 4L * j).fma(factors, shifts), x + 4L * j);
    }
    if (j < n) {
      VectorMask<Float> mask = first(n - j);
      store(load(x + 4L * j, mask).fma(factors, shifts), x + 4L * j, mask);
    }
  }
}
