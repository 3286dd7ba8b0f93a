package dev.bellows.nn;

import dev.bellows.tensor.Philox;

/// The first value of each element of a parameter, a pure function of a random stream and the element's index in the whole logical
/// parameter, so that any layout draws the same weights.
@FunctionalInterface
public interface Initializer {
  /// Value of element `index`; `random` is the parameter's own stream.
  float value(Philox random, long index);

  /// Every element `value`.
  static Initializer constant(float value) {
    return (random, index) -> value;
  }

  /// Normal with mean 0 and `deviation`.
  static Initializer normal(double deviation) {
    return (random, index) -> (float) (deviation * random.normal(index));
  }

  /// Uniform in [-`bound`, `bound`).
  static Initializer uniform(double bound) {
    return (random, index) -> (float) (bound * (2 * random.uniform(index) - 1));
  }
}
