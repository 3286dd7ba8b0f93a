package dev.bellows.trainer.config;

/// Section `log`: progress on the console.
///
/// @param every steps between two lines, 1 or more; default 10
public record LogSection(@Default("10") int every) {
  public LogSection {
    Check.atLeast("log.every", every, 1);
  }
}
