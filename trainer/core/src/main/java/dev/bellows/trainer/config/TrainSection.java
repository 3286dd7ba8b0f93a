package dev.bellows.trainer.config;

import dev.bellows.nn.Precision;

/// Section `train`: how long, and how exactly.
///
/// @param steps optimizer updates, 1 or more
/// @param precision `f32` (default), or `bf16`: matrix products of BF16 operands, everything else in F32; a worker whose processor has no
///     such products logs a line and trains in `f32`
public record TrainSection(long steps, @Default("f32") Precision precision) {
  public TrainSection {
    Check.atLeast("train.steps", steps, 1);
  }
}
