package dev.bellows.benchmarks;

import java.util.Locale;

/// A process of a comparison: a library and the precision it trains in. In the order of their turns.
enum Entrant {
  THEIRS_FP32("libtorch", SidePrecision.FP32),
  OURS_FP32("bellows", SidePrecision.FP32),
  THEIRS_BF16("libtorch", SidePrecision.BF16),
  OURS_BF16("bellows", SidePrecision.BF16);

  private final String library;
  private final SidePrecision precision;

  Entrant(String library, SidePrecision precision) {
    this.library = library;
    this.precision = precision;
  }

  /// `bellows` or `libtorch`.
  String library() {
    return library;
  }

  SidePrecision precision() {
    return precision;
  }

  boolean isOurs() {
    return library.equals("bellows");
  }

  /// The other library in the same precision.
  Entrant peer() {
    return switch (this) {
      case THEIRS_FP32 -> OURS_FP32;
      case OURS_FP32 -> THEIRS_FP32;
      case THEIRS_BF16 -> OURS_BF16;
      case OURS_BF16 -> THEIRS_BF16;
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
