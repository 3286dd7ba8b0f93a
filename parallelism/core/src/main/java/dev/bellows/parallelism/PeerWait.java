package dev.bellows.parallelism;

import java.util.concurrent.locks.LockSupport;

/// How an operation waits: it spins briefly, then yields, then parks for some 50 µs, because workers and their compute threads share
/// the cores (measured on busy cores: more yields give whole time slices away and cost up to two thirds of the throughput); it asks the
/// guard on every turn, takes messages in after the first turns ([Links#park]), and ends when a peer that still matters is gone. Peers are
/// ranks of a group; the guard and errors see ranks of the world. Threads: one at a time.
final class PeerWait {
  private static final int SPINS = 20;

  /// Turns up to which it yields.
  private static final int YIELDS = 30;

  private static final long PARK_NANOS = 20_000;

  private final Links links;
  private final int[] worldRanks;
  private final WaitGuard guard;
  private int turns;
  private long since;

  /// How the group of these `worldRanks` waits.
  PeerWait(Links links, int[] worldRanks, WaitGuard guard) {
    this.links = links;
    this.worldRanks = worldRanks;
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
    guard.check(worldRanks[peer], now - since);
    if (turns <= SPINS) {
      Thread.onSpinWait();
    } else if (links.park()) {
      // Whoever sent it is no longer held up, and may be the one that the awaited peer waits for.
      Thread.onSpinWait();
    } else if (turns <= YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NANOS);
    }
  }

  /// The error for a `peer` that is gone while `operation` needs it.
  PeerLostException lost(int peer, long operation) {
    int worldRank = worldRanks[peer];
    return new PeerLostException(
        worldRank,
        links.describe(worldRank)
            + " is gone; "
            + OperationNumbers.describe(operation)
            + " was waiting for it");
  }
}
