package dev.bellows.trainer.config;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// An amount of memory. Written as bytes, or with a unit in powers of 1024: `k`, `m`, `g`, `t` (as the JVM and Spark write them) or `KiB`,
/// `MiB`, `GiB`, `TiB`. Units that may mean 1000 or 1024 (`GB`) are refused.
///
/// @param bytes 0 or more
public record ByteSize(long bytes) {
  private static final Pattern FORM =
      Pattern.compile("(\\d+(?:\\.\\d+)?) ?(?:([kmgt])(?:ib)?|b)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "kmgt";
  private static final String[] NAMES = {"KiB", "MiB", "GiB", "TiB"};

  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("a size is " + bytes + " bytes; it must be 0 or more");
    }
  }

  /// Reads `text`. Errors: [IllegalArgumentException].
  public static ByteSize parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("'" + text + "' is no size in bytes");
    }
    int exponent =
        matcher.group(2) == null ? 0 : UNITS.indexOf(matcher.group(2).toLowerCase(Locale.ROOT)) + 1;
    try {
      return new ByteSize(
          new BigDecimal(matcher.group(1))
              .multiply(BigDecimal.valueOf(1L << (10 * exponent)))
              .longValueExact());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("'" + text + "' is no whole number of bytes", e);
    }
  }

  /// `mebibytes` · 2^20 bytes.
  public static ByteSize mebibytes(long mebibytes) {
    return new ByteSize(Math.multiplyExact(mebibytes, 1L << 20));
  }

  /// The size in the largest unit that gives a whole number; [#parse] reads it back.
  @Override
  public String toString() {
    int unit = 0;
    long value = bytes;
    while (value != 0 && value % 1024 == 0 && unit < NAMES.length) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? Long.toString(value) : value + NAMES[unit - 1];
  }
}
