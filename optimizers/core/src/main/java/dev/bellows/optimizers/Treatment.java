package dev.bellows.optimizers;

import java.util.Objects;

/// How one parameter is updated; parameters of equal treatment form a group.
///
/// @param rule updates it
/// @param learningRateScale factor on the scheduled learning rate, above 0
/// @param frozen whether it keeps its value: no update, no state
public record Treatment(UpdateRule rule, double learningRateScale, boolean frozen) {
  public Treatment {
    Objects.requireNonNull(rule, "rule");
    Checks.positive("a group's learning rate scale", learningRateScale);
  }

  /// Updates by `rule` at the scheduled learning rate.
  public static Treatment of(UpdateRule rule) {
    return new Treatment(rule, 1, false);
  }
}
