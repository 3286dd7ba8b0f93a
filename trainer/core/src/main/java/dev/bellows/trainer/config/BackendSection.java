package dev.bellows.trainer.config;

import java.util.Locale;

/// Section `backend`: what computes.
///
/// @param kind which backend; default `auto`
public record BackendSection(@Default("auto") Kind kind) {
  /// The backends that a run may ask for.
  public enum Kind {
    /// The fastest that can run on the worker.
    AUTO,
    /// The CPU backend, or an error.
    CPU,
    /// The slow scalar backend, the oracle of the others.
    REFERENCE
  }

  /// The name that `Backends.open` takes.
  public String name() {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
