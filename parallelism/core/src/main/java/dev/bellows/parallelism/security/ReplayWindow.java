package dev.bellows.parallelism.security;

/// Remembers which of the last 64 packet numbers were taken; older ones count as taken. Threads: one at a time.
///
/// Source: RFC 4303 section 3.4.3.
final class ReplayWindow {
  private static final int WIDTH = Long.SIZE;

  private long newest = -1;
  private long taken;

  /// Whether `counter` may still be taken.
  boolean isNew(long counter) {
    if (counter < 0 || counter == Long.MAX_VALUE) {
      return false;
    }
    long age = newest - counter;
    return age < 0 || age < WIDTH && (taken >>> age & 1) == 0;
  }

  /// Takes `counter`, which was new and whose packet was verified.
  void take(long counter) {
    long ahead = counter - newest;
    if (ahead > 0) {
      taken = ahead < WIDTH ? taken << ahead : 0;
      newest = counter;
    }
    taken |= 1L << (newest - counter);
  }
}
