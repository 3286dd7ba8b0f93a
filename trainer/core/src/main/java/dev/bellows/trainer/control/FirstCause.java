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

  private final long heartbeatNanos;
  private final int missed;
  private Strength strength;
  private ErrorCategory category;
  private String sentence;
  private String detail = "";
  private long decideAtNanos;

  /// Judges workers that beat every `heartbeatNanos` and are silent after `missed` beats.
  FirstCause(long heartbeatNanos, int missed) {
    this.heartbeatNanos = heartbeatNanos;
    this.missed = missed;
  }

  /// Takes one explanation; the first of the best strength wins.
  void add(
      Strength candidate,
      ErrorCategory itsCategory,
      String itsSentence,
      String itsDetail,
      long now) {
    long decideNanos = now + heartbeatNanos * beatsOfPatience(candidate);
    decideAtNanos = strength == null ? decideNanos : Math.min(decideAtNanos, decideNanos);
    if (strength == null || candidate.compareTo(strength) < 0) {
      strength = candidate;
      category = itsCategory;
      sentence = itsSentence;
      detail = itsDetail;
    }
  }

  /// How long a better explanation may take: the silence of a lost worker shows after its peers have missed its data, and Spark may say
  /// soon after the silence why.
  private int beatsOfPatience(Strength candidate) {
    return switch (candidate) {
      case OWN_ERROR, EXECUTOR_LOST -> 0;
      case SILENT -> 1;
      case PEER_UNREACHABLE -> missed + 1;
    };
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
