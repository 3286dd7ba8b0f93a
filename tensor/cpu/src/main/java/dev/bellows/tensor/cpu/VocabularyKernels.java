package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import java.lang.foreign.MemorySegment;

/// Rows of a part of a vocabulary: embeddings, and the pieces of the cross-entropy. A statistic is an F32; what parts say is combined in FP64.
final class VocabularyKernels {
  private static final long STRIDE = 4L * Backend.STATISTICS;

  private VocabularyKernels() {}

  /// `out[i] = table[ids[i] - first]`, or zeros where the table of `held` rows does not have it, for `rows` rows of width `n`.
  static void gather(long ids, long first, long held, long table, long out, int rows, int n) {
    for (int i = 0; i < rows; i++) {
      long row = ALL.get(JAVA_INT, ids + 4L * i) - first;
      long target = out + 4L * i * n;
      if (row >= 0 && row < held) {
        MemorySegment.copy(ALL, table + 4L * row * n, ALL, target, 4L * n);
      } else {
        ElementwiseKernels.fill(target, n, 0f);
      }
    }
  }

  /// `dtable[ids[i] - first] += dout[i]` in row order, for `width` columns of rows of `n`.
  static void scatterAdd(
      long ids, long first, long held, long dout, long dtable, int rows, int n, int width) {
    for (int i = 0; i < rows; i++) {
      long row = ALL.get(JAVA_INT, ids + 4L * i) - first;
      if (row >= 0 && row < held) {
        long target = dtable + 4L * row * n;
        ElementwiseKernels.add(target, dout + 4L * i * n, target, width);
      }
    }
  }

  /// Statistics and exponentials of `rows` rows of width `n`. `exponentials` may be `logits`.
  static void statistics(
      Loss loss,
      long first,
      long logits,
      long targets,
      long statistics,
      long exponentials,
      int rows,
      int n) {
    for (int i = 0; i < rows; i++) {
      int wanted = ALL.get(JAVA_INT, targets + 4L * i);
      long target = wanted - first;
      long row = logits + 4L * i * n;
      boolean held = wanted >= 0 && target >= 0 && target < n;
      // Read before the exponentials take the logits' place.
      float right = held ? ALL.get(JAVA_FLOAT, row + 4L * target) : 0f;
      float total = loss.labelSmoothing() == 0 ? 0f : (float) ReductionKernels.sum(row, n);
      float maximum = SoftmaxKernels.maximum(row, n);
      float sum = SoftmaxKernels.exponentials(row, n, 1f, -maximum, exponentials + 4L * i * n);
      long at = statistics + STRIDE * i;
      ALL.set(JAVA_FLOAT, at, maximum);
      ALL.set(JAVA_FLOAT, at + 4, sum);
      ALL.set(JAVA_FLOAT, at + 8, right);
      ALL.set(JAVA_FLOAT, at + 12, total);
    }
  }

  private static double maximum(long statistics, int parts, long stride) {
    double maximum = Double.NEGATIVE_INFINITY;
    for (int part = 0; part < parts; part++) {
      maximum = Math.max(maximum, ALL.get(JAVA_FLOAT, statistics + part * stride));
    }
    return maximum;
  }

  /// The sum of exp(x - maximum) over all parts of a row.
  private static double exponentialSum(long statistics, int parts, long stride, double maximum) {
    double sum = 0;
    for (int part = 0; part < parts; part++) {
      long at = statistics + part * stride;
      double shift = ALL.get(JAVA_FLOAT, at) - maximum;
      sum += StrictMath.exp(shift) * ALL.get(JAVA_FLOAT, at + 4);
    }
    return sum;
  }

  private static double sum(long statistic, int parts, long stride) {
    double sum = 0;
    for (int part = 0; part < parts; part++) {
      sum += ALL.get(JAVA_FLOAT, statistic + part * stride);
    }
    return sum;
  }

  /// Losses of `rows` rows; the parts' statistics of a row are `stride` bytes apart.
  static void losses(
      Loss loss,
      long classes,
      long targets,
      long statistics,
      int parts,
      long stride,
      long losses,
      int rows) {
    for (int i = 0; i < rows; i++) {
      float value = 0;
      if (ALL.get(JAVA_INT, targets + 4L * i) >= 0) {
        long row = statistics + STRIDE * i;
        double maximum = maximum(row, parts, stride);
        double logSum = StrictMath.log(exponentialSum(row, parts, stride, maximum));
        double right = sum(row + 8, parts, stride);
        double average = sum(row + 12, parts, stride) / classes;
        value = SoftmaxKernels.value(loss, logSum, maximum, right, average);
      }
      ALL.set(JAVA_FLOAT, losses + 4L * i, value);
    }
  }

  /// Turns the exponentials of part `index`, which starts at class `first` of `classes`, into gradients: `rows` rows of width `n`.
  static void gradient(
      Loss loss,
      int index,
      long first,
      long classes,
      long targets,
      double scale,
      long statistics,
      int parts,
      long stride,
      long gradient,
      int rows,
      int n) {
    for (int i = 0; i < rows; i++) {
      int wanted = ALL.get(JAVA_INT, targets + 4L * i);
      long values = gradient + 4L * i * n;
      if (wanted < 0) {
        ElementwiseKernels.fill(values, n, 0f);
        continue;
      }
      long row = statistics + STRIDE * i;
      double maximum = maximum(row, parts, stride);
      double sum = exponentialSum(row, parts, stride, maximum);
      double logSumExp = StrictMath.log(sum) + maximum;
      double shift = ALL.get(JAVA_FLOAT, row + index * stride) - maximum;
      double factor = scale * StrictMath.exp(shift) / sum * (1 + 2 * loss.zLoss() * logSumExp);
      if (loss.labelSmoothing() == 0) {
        ElementwiseKernels.scale(values, n, (float) factor);
      } else {
        float less = (float) (-scale * loss.labelSmoothing() / classes);
        SoftmaxKernels.scaleAndShift(values, n, (float) factor, less);
      }
      long target = wanted - first;
      if (target >= 0 && target < n) {
        long at = values + 4L * target;
        float right = (float) (scale * (1 - loss.labelSmoothing()));
        ALL.set(JAVA_FLOAT, at, ALL.get(JAVA_FLOAT, at) - right);
      }
    }
  }
}
