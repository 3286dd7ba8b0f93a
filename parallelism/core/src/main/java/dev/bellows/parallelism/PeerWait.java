package dev.bellows.parallelism;

import java.util.concurrent.locks.LockSupport;

/// How a collective waits: it spins briefly, then yields, then parks for some 50 µs, because workers and their compute threads share
/// the cores (measured on busy cores: more yields give whole time slices away and cost up to two thirds of the throughput); it asks the guard on every turn and ends when a peer that still matters is gone. Threads: one at a time.
final class PeerWait {
  private static final int SPINS = 20;

  /// Turns up to which it yields.
  private static final int YIELDS = 30;

  private static final long PARK_NANOS = 20_000;

  private final Transport transport;
  private final WaitGuard guard;
  private int turns;
  private long since;

  PeerWait(Transport transport, WaitGuard guard) {
    this.transport = transport;
    this.guard = guard;
  }

  /// Something moved: the next wait starts afresh.
  void reset() {
    turns = 0;
  }

  /// One turn of waiting for `peer`. Errors: whatever the guard throws.
  void idle(int peer) {
    long now = System.nanoTime();
    if (turns == 0) {
      since = now;
    }
    turns++;
    guard.check(peer, now - since);
    if (turns <= SPINS) {
      Thread.onSpinWait();
    } else if (turns <= YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NANOS);
    }
  }

  /// The error for a peer that is gone.
  PeerLostException lost(int peer, String doing) {
    return new PeerLostException(
        peer, transport.describe(peer) + " is gone; " + doing + " was waiting for it");
  }
}
