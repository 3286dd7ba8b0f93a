package dev.bellows.benchmarks;

import java.util.Locale;

/// What a side's matrix products take as operands; master weights and updates are F32 in both.
enum SidePrecision {
  /// F32 throughout.
  FP32,
  /// BF16 operands and F32 sums; libtorch by its own autocast.
  BF16;

  /// The form of the command line.
  static SidePrecision parse(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
