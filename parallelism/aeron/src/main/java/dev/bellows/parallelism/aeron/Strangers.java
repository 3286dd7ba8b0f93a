package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.security.Refusal;
import io.aeron.Image;
import io.aeron.logbuffer.Header;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Counts what one stream's receiver drops, by reason, and says so in the log: at once for the first, then at most every ten seconds.
///
/// Threads: one counts, any reads.
final class Strangers {
  private static final Logger LOG = LoggerFactory.getLogger(Strangers.class);
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final String receiver;
  private final AtomicLongArray counts = new AtomicLongArray(Refusal.values().length);
  private boolean told;
  private long toldAt;

  /// `receiver` says in a log line who dropped it.
  Strangers(String receiver) {
    this.receiver = receiver;
  }

  /// Counts a packet that Aeron delivered with `header`.
  void count(Refusal why, Header header) {
    long unused = counts.incrementAndGet(why.ordinal());
    long now = System.nanoTime();
    if (!told || now - toldAt >= QUIET_NANOS) {
      told = true;
      toldAt = now;
      LOG.warn(
          "{} dropped a packet from {} that was {}; dropped so far: {}",
          receiver,
          header.context() instanceof Image image ? image.sourceIdentity() : "nowhere",
          why.words(),
          summary());
    }
  }

  private String summary() {
    StringJoiner parts = new StringJoiner(", ");
    for (Refusal why : Refusal.values()) {
      if (count(why) > 0) {
        parts.add(count(why) + " " + why.words());
      }
    }
    return parts.toString();
  }

  /// How many were dropped for this reason.
  long count(Refusal why) {
    return counts.get(why.ordinal());
  }

  /// How many were dropped.
  long total() {
    long sum = 0;
    for (Refusal why : Refusal.values()) {
      sum += count(why);
    }
    return sum;
  }
}
