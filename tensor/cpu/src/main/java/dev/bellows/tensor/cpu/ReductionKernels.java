package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.DOUBLES;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Sums: FP64 sums of one block, and F32 column sums of one row block.
final class ReductionKernels {
  private ReductionKernels() {}

  /// FP64 sum of `n` floats.
  static double sum(long x, int n) {
    DoubleVector low = DoubleVector.zero(DOUBLES);
    DoubleVector high = low;
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      FloatVector v = load(x + 4L * i);
      low = low.add(half(v, 0));
      high = high.add(half(v, 1));
    }
    if (i < n) {
      FloatVector v = load(x + 4L * i, first(n - i));
      low = low.add(half(v, 0));
      high = high.add(half(v, 1));
    }
    return Lanes.sum(low.add(high));
  }

  /// FP64 sum of the squares of `n` floats.
  static double squaredNorm(long x, int n) {
    DoubleVector low = DoubleVector.zero(DOUBLES);
    DoubleVector high = low;
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      FloatVector v = load(x + 4L * i);
      DoubleVector a = half(v, 0);
      DoubleVector b = half(v, 1);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    if (i < n) {
      FloatVector v = load(x + 4L * i, first(n - i));
      DoubleVector a = half(v, 0);
      DoubleVector b = half(v, 1);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    return Lanes.sum(low.add(high));
  }

  private static DoubleVector half(FloatVector v, int part) {
    return (DoubleVector) v.convertShape(VectorOperators.F2D, DOUBLES, part);
  }

  /// `out[j] = sum of x[i, j]` over `rows` rows of width `n` that lie one after the other.
  static void columns(long x, int rows, int n, long out) {
    int j = 0;
    for (; j <= n - 4 * WIDTH; j += 4 * WIDTH) {
      fourColumns(x + 4L * j, rows, n, out + 4L * j);
    }
    for (; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      FloatVector sum = zero();
      for (int i = 0; i < rows; i++) {
        sum = sum.add(load(x + 4L * ((long) i * n + j), mask));
      }
      store(sum, out + 4L * j, mask);
    }
  }

  private static void fourColumns(long x, int rows, int n, long out) {
    FloatVector a = zero();
    FloatVector b = zero();
    FloatVector c = zero();
    FloatVector d = zero();
    for (int i = 0; i < rows; i++) {
      long row = x + 4L * i * n;
      a = a.add(load(row));
      b = b.add(load(row + 4L * WIDTH));
      c = c.add(load(row + 8L * WIDTH));
      d = d.add(load(row + 12L * WIDTH));
    }
    store(a, out);
    store(b, out + 4L * WIDTH);
    store(c, out + 8L * WIDTH);
    store(d, out + 12L * WIDTH);
  }

  /// `out[j] (+)= sum of partials[i, j]`, in the order of i; rows of the partial sums are `stride` floats apart.
  static void combine(long partials, int blocks, int stride, int n, long out, boolean accumulate) {
    for (int j = 0; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      FloatVector sum = zero();
      for (int i = 0; i < blocks; i++) {
        sum = sum.add(load(partials + 4L * ((long) i * stride + j), mask));
      }
      store(accumulate ? sum.add(load(out + 4L * j, mask)) : sum, out + 4L * j, mask);
    }
  }
}
