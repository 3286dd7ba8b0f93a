package dev.bellows.trainer.config;

/// Section `train`: how long.
///
/// @param steps optimizer updates, 1 or more
public record TrainSection(long steps) {
  public TrainSection {
    Check.atLeast("train.steps", steps, 1);
  }
}
