package dev.bellows.models;

/// What a model's dropout may be.
final class DropoutRange {
  private DropoutRange() {}

  static void check(double dropout) {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          "a model needs a dropout in [0, 1), not " + dropout);
    }
  }
}
