package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.List;

/// A straight line through noisy samples: the median of the slopes between pairs (Theil 1950, Sen 1968), here pairs that lie near each other, which neither
/// single outliers nor single jumps move.
final class Trend {
  private Trend() {}

  /// Growth of `y` for each unit of `x`, from pairs at most a quarter of the samples apart. Needs two samples or more with different `x`.
  static double slope(double[] x, double[] y) {
    List<Double> slopes = new ArrayList<>();
    int reach = Math.max(1, x.length / 4);
    for (int i = 0; i < x.length; i++) {
      for (int j = i + 1; j <= Math.min(i + reach, x.length - 1); j++) {
        if (x[i] != x[j]) {
          slopes.add((y[j] - y[i]) / (x[j] - x[i]));
        }
      }
    }
    if (slopes.isEmpty()) {
      throw new IllegalArgumentException(
          "a trend needs at least 2 samples at different places, not " + x.length);
    }
    return EngineResult.median(slopes.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
