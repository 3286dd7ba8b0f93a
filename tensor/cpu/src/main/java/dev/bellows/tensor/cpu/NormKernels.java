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

/// Layer normalisation over runs of rows of width `n`. A row is read from memory once and stays in the first-level cache.
final class NormKernels {
  private NormKernels() {}

  static void forward(
      long x,
      long gamma,
      long beta,
      double epsilon,
      long y,
      long mean,
      long inverseDeviation,
      int rows,
      int n) {
    for (int i = 0; i < rows; i++) {
      long row = x + 4L * i * n;
      float average = rowSum(row, n) / n;
      float variance = squaredDistance(row, n, average) / n;
      float inverse = (float) (1 / Math.sqrt(variance + epsilon));
      normalise(row, gamma, beta, average, inverse, y + 4L * i * n, n);
      ALL.set(JAVA_FLOAT, mean + 4L * i, average);
      ALL.set(JAVA_FLOAT, inverseDeviation + 4L * i, inverse);
    }
  }

  private static float rowSum(long x, int n) {
    FloatVector a = zero();
    FloatVector b = zero();
    FloatVector c = zero();
    FloatVector d = zero();
    int j = 0;
    for (; j <= n - 4 * WIDTH; j += 4 * WIDTH) {
      long at = x + 4L * j;
      a = a.add(load(at));
      b = b.add(load(at + 4L * WIDTH));
      c = c.add(load(at + 8L * WIDTH));
      d = d.add(load(at + 12L * WIDTH));
    }
    float total = Lanes.sum(a.add(b).add(c.add(d)));
    for (; j < n; j += WIDTH) {
      total += Lanes.sum(load(x + 4L * j, first(n - j)));
    }
    return total;
  }

  private static float squaredDistance(long x, int n, float centre) {
    FloatVector middle = all(centre);
    FloatVector a = zero();
    FloatVector b = zero();
    FloatVector c = zero();
    FloatVector d = zero();
    int j = 0;
    for (; j <= n - 4 * WIDTH; j += 4 * WIDTH) {
      long at = x + 4L * j;
      FloatVector p = load(at).sub(middle);
      FloatVector q = load(at + 4L * WIDTH).sub(middle);
      FloatVector r = load(at + 8L * WIDTH).sub(middle);
      FloatVector s = load(at + 12L * WIDTH).sub(middle);
      a = p.fma(p, a);
      b = q.fma(q, b);
      c = r.fma(r, c);
      d = s.fma(s, d);
    }
    float total = Lanes.sum(a.add(b).add(c.add(d)));
    for (; j < n; j += WIDTH) {
      VectorMask<Float> mask = first(n - j);
      FloatVector p = zero().blend(load(x + 4L * j, mask).sub(middle), mask);
      total += Lanes.sum(p.mul(p));
    }
    return total;
  }

  private static void normalise(
      long x, long gamma, long beta, float average, float inverse, long y, int n) {
    FloatVector middle = all(average);
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      store(load(x + at).sub(middle).mul(inverse).fma(load(gamma + at), load(beta + at)), y + at);
    }
    if (j < n) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      store(
          load(x + at, mask)
              .sub(middle)
              .mul(inverse)
              .fma(load(gamma + at, mask), load(beta + at, mask)),
          y + at,
          mask);
    }
  }

  /// Gradients of one row block; `dgamma` and `dbeta` are overwritten with the block's sums. `dx` may be `dy`.
  static void backward(
      long x,
      long gamma,
      long mean,
      long inverseDeviation,
      long dy,
      long dx,
      long dgamma,
      long dbeta,
      int rows,
      int n) {
    ElementwiseKernels.fill(dgamma, n, 0f);
    ElementwiseKernels.fill(dbeta, n, 0f);
    for (int i = 0; i < rows; i++) {
      long at = 4L * i * n;
      float average = ALL.get(JAVA_FLOAT, mean + 4L * i);
      float inverse = ALL.get(JAVA_FLOAT, inverseDeviation + 4L * i);
      backwardRow(x + at, gamma, average, inverse, dy + at, dx + at, dgamma, dbeta, n);
    }
  }

  private static void backwardRow(
      long x,
      long gamma,
      float average,
      float inverse,
      long dy,
      long dx,
      long dgamma,
      long dbeta,
      int n) {
    FloatVector middle = all(average);
    FloatVector sumW = zero();
    FloatVector sumWh = zero();
    int whole = n - n % WIDTH;
    for (int j = 0; j < whole; j += WIDTH) {
      long at = 4L * j;
      FloatVector h = load(x + at).sub(middle).mul(inverse);
      FloatVector g = load(dy + at);
      FloatVector w = g.mul(load(gamma + at));
      sumW = sumW.add(w);
      sumWh = w.fma(h, sumWh);
      store(g.fma(h, load(dgamma + at)), dgamma + at);
      store(g.add(load(dbeta + at)), dbeta + at);
    }
    float totalW = Lanes.sum(sumW);
    float totalWh = Lanes.sum(sumWh);
    if (whole < n) {
      long at = 4L * whole;
      totalW += partDot(dy + at, gamma + at, n - whole);
      totalWh +=
          backwardPart(
              x + at, gamma + at, average, inverse, dy + at, dgamma + at, dbeta + at, n - whole);
    }
    inputGradient(x, gamma, average, inverse, totalW / n, totalWh / n, dy, dx, n);
  }

  private static float partDot(long a, long b, int n) {
    VectorMask<Float> mask = first(n);
    return Lanes.sum(load(a, mask).mul(load(b, mask)));
  }

  /// The last lanes of a row: adds to dgamma and dbeta, returns their part of the sum of w·h.
  private static float backwardPart(
      long x, long gamma, float average, float inverse, long dy, long dgamma, long dbeta, int n) {
    VectorMask<Float> mask = first(n);
    FloatVector h = load(x, mask).sub(average).mul(inverse);
    FloatVector g = load(dy, mask);
    store(g.fma(h, load(dgamma, mask)), dgamma, mask);
    store(g.add(load(dbeta, mask)), dbeta, mask);
    return Lanes.sum(g.mul(load(gamma, mask)).mul(h));
  }

  /// `dx = inverse · (w - averageW - h · averageWh)`.
  private static void inputGradient(
      long x,
      long gamma,
      float average,
      float inverse,
      float averageW,
      float averageWh,
      long dy,
      long dx,
      int n) {
    FloatVector middle = all(average);
    FloatVector minusAverageWh = all(-averageWh);
    int j = 0;
    for (; j <= n - WIDTH; j += WIDTH) {
      long at = 4L * j;
      FloatVector h = load(x + at).sub(middle).mul(inverse);
      FloatVector w = load(dy + at).mul(load(gamma + at)).sub(averageW);
      store(h.fma(minusAverageWh, w).mul(inverse), dx + at);
    }
    if (j < n) {
      long at = 4L * j;
      VectorMask<Float> mask = first(n - j);
      FloatVector h = load(x + at, mask).sub(middle).mul(inverse);
      FloatVector w = load(dy + at, mask).mul(load(gamma + at, mask)).sub(averageW);
      store(h.fma(minusAverageWh, w).mul(inverse), dx + at, mask);
    }
  }
}
