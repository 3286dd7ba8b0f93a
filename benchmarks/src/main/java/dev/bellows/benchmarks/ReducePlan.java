package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.List;

/// How often all-reduces of one size are measured in a round.
///
/// @param bytes of the buffer
/// @param warmUp calls before
/// @param calls that are measured
record ReducePlan(long bytes, int warmUp, int calls) {
  private static final long MIB = 1L << 20;

  /// As many calls as move `volume` MiB, from 5 to 200, after a quarter of them.
  static ReducePlan of(long bytes, long volume) {
    int calls = (int) Math.clamp(volume * MIB / bytes, 5L, 200L);
    return new ReducePlan(bytes, Math.max(2, calls / 4), calls);
  }

  /// Plans for sizes such as `64KiB,1MiB`. Errors: [IllegalArgumentException] names what is no size.
  static List<ReducePlan> parse(String sizes, long volume) {
    List<ReducePlan> plans = new ArrayList<>();
    for (String size : sizes.split(",")) {
      plans.add(of(bytes(size.strip()), volume));
    }
    return plans;
  }

  private static long bytes(String size) {
    long unit = size.endsWith("KiB") ? 1 << 10 : size.endsWith("MiB") ? MIB : 0;
    String number = unit == 0 ? "" : size.substring(0, size.length() - 3);
    if (!number.matches("[1-9][0-9]{0,3}")) {
      throw new IllegalArgumentException(
          "'" + size + "' is no size; a size is a number of KiB or MiB, such as 64KiB");
    }
    return Long.parseLong(number) * unit;
  }

  /// `64KiB`, `16MiB`.
  String size() {
    return bytes % MIB == 0 ? bytes / MIB + "MiB" : bytes / 1024 + "KiB";
  }

  /// The form that a [ReduceMain] under mpirun takes.
  String argument() {
    return bytes + ":" + warmUp + ":" + calls;
  }
}
