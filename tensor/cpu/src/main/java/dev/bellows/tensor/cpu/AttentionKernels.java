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

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// The row-wise parts of attention, between the products.
final class AttentionKernels {
  private AttentionKernels() {}

  /// One row of scores becomes unnormalised probabilities; `n` are visible, the rest up to `columns` becomes 0.
  ///
  /// `state` holds the running maximum and `state + sums` the running sum of the row (Milakov and Gimelshein 2018). When an earlier chunk
  /// raised the output row `out` of `width` already, it is rescaled to the new maximum.
  static void onlineSoftmax(
      long scores,
      int n,
      int columns,
      float scale,
      boolean first,
      long state,
      long sums,
      long out,
      int width) {
    float maximum = SoftmaxKernels.maximum(scores, n) * scale;
    float sum = 0;
    if (!first) {
      float before = ALL.get(JAVA_FLOAT, state);
      maximum = Math.max(maximum, before);
      float correction = exp(all(before - maximum)).lane(0);
      sum = ALL.get(JAVA_FLOAT, state + sums) * correction;
      ElementwiseKernels.scale(out, width, correction);
    }
    sum += SoftmaxKernels.exponentials(scores, n, scale, -maximum, scores);
    ElementwiseKernels.fill(scores + 4L * n, columns - n, 0f);
    ALL.set(JAVA_FLOAT, state, maximum);
    ALL.set(JAVA_FLOAT, state + sums, sum);
  }

  static float dot(long a, long b, int n) {
    FloatVector sum = zero();
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      sum = load(a + 4L * j).fma(load(b + 4L * j), sum);
    }
    float total = Lanes.sum(sum);
    return j < n ? total + dotOfPart(a + 4L * j, b + 4L * j, n - j) : total;
  }

  private static float dotOfPart(long a, long b, int n) {
    VectorMask<Float> mask = first(n);
    return Lanes.sum(load(a, mask).mul(load(b, mask)));
  }

  /// One row: scores become probabilities, their gradients become gradients of the raw products q·k; both 0 from `n` to `columns`.
  static void backwardRow(
      long scores, long gradients, int n, int columns, float scale, float logSumExp, float delta) {
    FloatVector factor = all(scale);
    FloatVector shift = all(-logSumExp);
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      FloatVector p = exp(load(scores + at).fma(factor, shift));
      store(p, scores + at);
      store(load(gradients + at).sub(delta).mul(factor).mul(p), gradients + at);
    }
    if (j < n) {
      backwardPart(scores + 4L * j, gradients + 4L * j, n - j, scale, logSumExp, delta);
    }
    ElementwiseKernels.fill(scores + 4L * n, columns - n, 0f);
    ElementwiseKernels.fill(gradients + 4L * n, columns - n, 0f);
  }

  private static void backwardPart(
      long scores, long gradients, int n, float scale, float logSumExp, float delta) {
    VectorMask<Float> mask = first(n);
    FloatVector p = exp(load(scores, mask).fma(all(scale), all(-logSumExp)));
    store(p, scores, mask);
    store(load(gradients, mask).sub(delta).mul(scale).mul(p), gradients, mask);
  }
}
