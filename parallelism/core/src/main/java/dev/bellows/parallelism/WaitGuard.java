package dev.bellows.parallelism;

/// Asked again and again by every blocking wait, so that nothing waits for ever.
@FunctionalInterface
public interface WaitGuard {
  /// Returns while waiting for `peer` may go on. Errors: throws what should end the wait: a new generation, a stop, a lost peer.
  void check(int peer, long waitedNanos);
}
