package dev.bellows.trainer.config;

/// Section `checkpoint`: when the run is saved.
///
/// @param every steps between checkpoints; 0, the default: only at the end
/// @param keep newest checkpoints that stay; older ones are deleted; 1 or more, default 2
public record CheckpointSection(@Default("0") long every, @Default("2") int keep) {
  public CheckpointSection {
    Check.atLeast("checkpoint.every", every, 0);
    Check.atLeast("checkpoint.keep", keep, 1);
  }
}
