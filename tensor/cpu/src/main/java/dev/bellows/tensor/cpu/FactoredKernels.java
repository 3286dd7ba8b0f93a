package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.DOUBLES;
import static dev.bellows.tensor.cpu.Lanes.ORDER;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;

import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// The factored second moment of a matrix (Shazeer and Stern 2018): FP64 sums of squares by row and column, and the scaled gradient.
final class FactoredKernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;

  private FactoredKernels() {}

  /// Moves `means[i]` towards `factor · (sum of the squares of row i)` by `weight`, for `rows` rows of width `n`.
  static void rowMeans(long x, int rows, int n, double factor, double weight, long means) {
    for (int i = 0; i < rows; i++) {
      double sum = ReductionKernels.squaredNorm(x + 4L * i * n, n);
      approach(means + 4L * i, sum * factor, weight);
    }
  }

  private static void approach(long mean, double target, double weight) {
    double old = ALL.get(FLOAT, mean);
    ALL.set(FLOAT, mean, (float) (old + weight * (target - old)));
  }

  /// `out[j] = sum of x[i, j]²` in FP64 over `rows` rows of width `n` that lie one after the other.
  static void columnSquares(long x, int rows, int n, long out) {
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      DoubleVector low = DoubleVector.zero(DOUBLES);
      DoubleVector high = low;
      for (int i = 0; i < rows; i++) {
        FloatVector v = load(x + 4L * ((long) i * n + j));
        DoubleVector a = VectorFunctions.half(v, 0);
        DoubleVector b = VectorFunctions.half(v, 1);
        low = a.fma(a, low);
        high = b.fma(b, high);
      }
      low.intoMemorySegment(ALL, out + 8L * j, ORDER);
      high.intoMemorySegment(ALL, out + 8L * j + 4L * WIDTH, ORDER);
    }
    // The square of a float is exact in FP64, so this rounds as the fused product above does.
    for (; j < n; j++) {
      double sum = 0;
      for (int i = 0; i < rows; i++) {
        double v = ALL.get(FLOAT, x + 4L * ((long) i * n + j));
        sum += v * v;
      }
      ALL.set(DOUBLE, out + 8L * j, sum);
    }
  }

  /// Moves `means[j]` towards `factor · (sum over blocks of sums[block, j])` by `weight`, adding in block order.
  static void columnMeans(long sums, int blocks, int n, double factor, double weight, long means) {
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int block = 0; block < blocks; block++) {
        sum += ALL.get(DOUBLE, sums + 8L * ((long) block * n + j));
      }
      approach(means + 4L * j, sum * factor, weight);
    }
  }

  /// The row's mean square over the mean of all rows.
  static float rowShare(long row, double rowMean) {
    return (float) (ALL.get(FLOAT, row) / rowMean);
  }

  /// `update[j] = scale·g[j] / sqrt(max(share·columns[j], floor))`.
  static void updateRow(
      float scale, float share, float floor, long gradient, long columns, long update, int n) {
    for (int j = 0; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      long at = 4L * j;
      FloatVector second = load(columns + at, mask).mul(share);
      FloatVector root = VectorFunctions.larger(second, all(floor)).sqrt();
      store(load(gradient + at, mask).mul(scale).div(root), update + at, mask);
    }
  }
}
