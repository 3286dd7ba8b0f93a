package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.loadHalf;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.storeHalf;
import static dev.bellows.tensor.cpu.Lanes.zero;

import jdk.incubator.vector.FloatVector;

/// Kernels that read or write BF16 and compute in F32.
final class HalfKernels {
  private HalfKernels() {}

  /// BF16 to F32.
  static void widen(long source, long target, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      store(loadHalf(source + 2L * i), target + 4L * i);
    }
    if (i < n) {
      store(loadHalf(source + 2L * i, n - i), target + 4L * i, Lanes.first(n - i));
    }
  }

  /// F32 to BF16.
  static void narrow(long source, long target, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      storeHalf(load(source + 4L * i), target + 2L * i);
    }
    if (i < n) {
      storeHalf(load(source + 4L * i, Lanes.first(n - i)), target + 2L * i, n - i);
    }
  }

  /// `out[j] = sum of x[i, j]` in F32 over `rows` rows of width `n` that lie one after the other.
  static void columns(long x, int rows, int n, long out) {
    int j = 0;
    for (; j <= n - 4 * WIDTH; j += 4 * WIDTH) {
      fourColumns(x + 2L * j, rows, n, out + 4L * j);
    }
    for (; j < n; j += WIDTH) {
      int count = Math.min(WIDTH, n - j);
      FloatVector sum = zero();
      for (int i = 0; i < rows; i++) {
        sum = sum.add(loadHalf(x + 2L * ((long) i * n + j), count));
      }
      store(sum, out + 4L * j, Lanes.first(count));
    }
  }

  private static void fourColumns(long x, int rows, int n, long out) {
    FloatVector a = zero();
    FloatVector b = zero();
    FloatVector c = zero();
    FloatVector d = zero();
    for (int i = 0; i < rows; i++) {
      long row = x + 2L * i * n;
      a = a.add(loadHalf(row));
      b = b.add(loadHalf(row + 2L * WIDTH));
      c = c.add(loadHalf(row + 4L * WIDTH));
      d = d.add(loadHalf(row + 6L * WIDTH));
    }
    store(a, out);
    store(b, out + 4L * WIDTH);
    store(c, out + 8L * WIDTH);
    store(d, out + 12L * WIDTH);
  }

  /// `target = factor · source`, F32 to BF16.
  static void scaleTo(long source, float factor, long target, int n) {
    int i = 0;
    for (; i <= n - WIDTH; i += WIDTH) {
      storeHalf(load(source + 4L * i).mul(factor), target + 2L * i);
    }
    if (i < n) {
      storeHalf(load(source + 4L * i, Lanes.first(n - i)).mul(factor), target + 2L * i, n - i);
    }
  }

  /// The product of two BF16 rows.
  static float dot(long a, long b, int n) {
    FloatVector sum = zero();
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      sum = loadHalf(a + 2L * j).fma(loadHalf(b + 2L * j), sum);
    }
    if (j < n) {
      sum = sum.add(loadHalf(a + 2L * j, n - j).mul(loadHalf(b + 2L * j, n - j)));
    }
    return Lanes.sum(sum);
  }
}
