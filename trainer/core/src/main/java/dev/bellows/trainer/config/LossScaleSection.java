package dev.bellows.trainer.config;

import dev.bellows.optimizers.LossScaler;

/// Section `lossScale`: a factor on the loss that keeps small gradients representable in f16. It is halved, and the step left out, when a gradient is
/// no longer finite.
///
/// @param initial first scale, a power of two from 1 to 2⁶⁴, such as 65536; default 0, which switches scaling off
/// @param growthInterval good steps in a row after which the scale is doubled; default 2000
public record LossScaleSection(@Default("0") double initial, @Default("2000") long growthInterval) {
  public LossScaleSection {
    Check.that(
        initial == 0 || LossScaler.isScale(initial),
        "lossScale.initial",
        "lossScale.initial is "
            + initial
            + "; it must be a power of two from 1 to 2^64, such as 65536, or 0 for no loss"
            + " scaling");
    Check.atLeast("lossScale.growthInterval", growthInterval, 1);
  }
}
