package dev.bellows.trainer.control;

import java.util.OptionalLong;

/// Finds out what failed first. A lost worker makes its peers fail too, often sooner than its own loss is noticed, so a report that
/// only points at a peer waits a while for the better one.
///
/// Threads: the coordinator's.
final class FirstCause {
  /// How good an explanation is; lower is better.
  enum Strength {
    /// A worker named its own error.
    OWN_ERROR,
    /// Spark said why the executor is gone.
    EXECUTOR_LOST,
    /// Heartbeats stopped.
    SILENT,
    /// A peer could not be reached.
    PEER_UNREACHABLE
  }

  private final long patienceNanos;
  private Strength strength;
  private ErrorCategory category;
  private String sentence;
  private String detail = "";
  private long decideAtNanos;

  FirstCause(long patienceNanos) {
    this.patienceNanos = patienceNanos;
  }

  /// Takes one explanation; the first of the best strength wins.
  void add(Strength candidate, ErrorCategory itsCategory, String itsSentence, String itsDetail, long now) {
    if (strength == null) {
      decideAtNanos = now + patienceNanos;
    }
    if (strength == null || candidate.compareTo(strength) < 0) {
      strength = candidate;
      category = itsCategory;
      sentence = itsSentence;
      detail = itsDetail;
    }
    if (candidate == Strength.OWN_ERROR || candidate == Strength.EXECUTOR_LOST) {
      decideAtNanos = Math.min(decideAtNanos, now);
    }
  }

  /// When the verdict is due, if there is anything to judge.
  OptionalLong decideAt() {
    return strength == null ? OptionalLong.empty() : OptionalLong.of(decideAtNanos);
  }

  ErrorCategory category() {
    return category;
  }

  String sentence() {
    return sentence;
  }

  String detail() {
    return detail;
  }
}
