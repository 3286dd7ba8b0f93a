package dev.bellows.optimizers;

/// Range checks of hyper-parameters; each failure says what was given and what would be right.
final class Checks {
  private Checks() {}

  /// `value` in [low, high); NaN is not.
  static void within(String name, double value, double low, double high) {
    if (!(value >= low && value < high)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be " + low + " or more and below " + high);
    }
  }

  static void positive(String name, double value) {
    if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be above 0 and finite");
    }
  }

  static void atLeast(String name, long value, long low) {
    if (value < low) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be " + low + " or more");
    }
  }

  /// A floor between 0 and the peak.
  static void floor(double floor, double peak) {
    if (!(floor >= 0 && floor <= peak)) {
      throw new IllegalArgumentException(
          "the schedule's floor is " + floor + "; it must lie between 0 and the peak, " + peak);
    }
  }
}
