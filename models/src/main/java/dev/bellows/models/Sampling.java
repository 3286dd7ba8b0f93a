package dev.bellows.models;

import java.util.Comparator;
import java.util.stream.IntStream;

/// Draws a token from logits.
final class Sampling {
  private Sampling() {}

  /// The token at quantile `uniform` (in [0, 1)) of softmax(`logits` / `temperature`) over the `topK` largest logits (0: all), most likely
  /// first, the lower id first among equals; with temperature 0 the first of them.
  static int draw(double[] logits, double temperature, int topK, double uniform) {
    int[] ranked =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer id) -> logits[id]).reversed())
            .mapToInt(Integer::intValue)
            .toArray();
    if (temperature == 0) {
      return ranked[0];
    }
    int kept = topK == 0 ? ranked.length : Math.min(topK, ranked.length);
    double[] weights = new double[kept];
    double total = 0;
    for (int i = 0; i < kept; i++) {
      weights[i] = Math.exp((logits[ranked[i]] - logits[ranked[0]]) / temperature);
      total += weights[i];
    }
    double left = uniform * total;
    for (int i = 0; i < kept - 1; i++) {
      left -= weights[i];
      if (left < 0) {
        return ranked[i];
      }
    }
    return ranked[kept - 1];
  }
}
