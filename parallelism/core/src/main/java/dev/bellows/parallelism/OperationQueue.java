package dev.bellows.parallelism;

import java.util.Arrays;

/// The collectives that a rank has entered and not finished, in the order of entering, over all groups of a transport.
///
/// Nobody else works on them: the thread that enters, waits or asks moves all that can move ([#advance], [#await]). Operations that share a
/// peer run one after the other in the order of entering, so the chunks on each link come in that order at both ends; operations over other
/// links run side by side, so the collectives of one mesh axis do not wait for the buckets of another. Entries are pooled: nothing is
/// allocated once there are as many as are ever under way. See docs/adr/0010. Threads: one at a time.
final class OperationQueue {
  private final PeerWait wait;
  private final long[] busy;
  private PendingOperation head;
  private PendingOperation tail;
  private PendingOperation free;
  private Throwable failure;

  /// `wait` counts peers as ranks of the world, of which there are `worldSize`.
  OperationQueue(PeerWait wait, int worldSize) {
    this.wait = wait;
    this.busy = Group.noPeers(worldSize);
  }

  /// An entry to fill and [#add].
  PendingOperation take() {
    if (free == null) {
      return new PendingOperation();
    }
    PendingOperation entry = free;
    free = entry.next;
    entry.next = null;
    return entry;
  }

  /// Enters `entry`.
  void add(PendingOperation entry) {
    if (tail == null) {
      head = entry;
    } else {
      tail.next = entry;
    }
    tail = entry;
  }

  boolean isEmpty() {
    return head == null;
  }

  /// Moves what can move without waiting. Returns whether anything did. An error is kept for those who wait.
  boolean advance() {
    if (head == null || failure != null) {
      return false;
    }
    try {
      if (!pass()) {
        head.running.failIfLost();
        return false;
      }
      while (pass()) {
        // The next chunks may have arrived or found room meanwhile.
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    return true;
  }

  /// [#advance], then whether the operation of `handle` is over.
  boolean advance(CollectiveHandle handle) {
    advance();
    return !handle.isUnderWay() || failure != null;
  }

  /// Waits until the operation of `handle` is finished. Errors: the first error of any operation under way.
  void await(CollectiveHandle handle) {
    throwIfFailed();
    try {
      wait.reset();
      while (true) {
        boolean moved = pass();
        if (!handle.isUnderWay()) {
          return;
        }
        if (moved) {
          wait.reset();
        } else {
          PendingOperation awaited = holdingUp(handle);
          awaited.running.failIfLost();
          wait.idle(awaited.group.worldRank(awaited.running.awaited()));
        }
      }
    } catch (RuntimeException | Error e) {
      failure = e;
      throw e;
    }
  }

  /// Errors: the error that ended the operations, if there was one.
  void throwIfFailed() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
  }

  /// The running part of `handle`'s operation, or what was entered first.
  private PendingOperation holdingUp(CollectiveHandle handle) {
    for (PendingOperation entry = head; entry != null; entry = entry.next) {
      if (entry.handle == handle && entry.running != null) {
        return entry;
      }
    }
    return head;
  }

  /// One turn of each operation that may run. Returns whether anything moved.
  private boolean pass() {
    boolean moved = false;
    Arrays.fill(busy, 0);
    PendingOperation previous = null;
    PendingOperation entry = head;
    while (entry != null) {
      PendingOperation following = entry.next;
      if (mayRun(entry, previous)) {
        if (entry.running == null) {
          entry.running = entry.group.begin(entry);
        }
        moved |= entry.running.turn();
        if (entry.running.awaited() < 0) {
          moved = true;
          finish(entry, previous);
          entry = following;
          continue;
        }
      }
      entry.group.addPeers(busy);
      previous = entry;
      entry = following;
    }
    return moved;
  }

  private boolean mayRun(PendingOperation entry, PendingOperation previous) {
    if (entry.running != null) {
      return true;
    }
    // Parts of one operation stand next to each other.
    boolean lacksInput = entry.needsPrevious && previous != null && previous.handle == entry.handle;
    return !lacksInput && !entry.group.hasPeers(busy);
  }

  private void finish(PendingOperation entry, PendingOperation previous) {
    if (previous == null) {
      head = entry.next;
    } else {
      previous.next = entry.next;
    }
    if (tail == entry) {
      tail = previous;
    }
    if (entry.isLastPart) {
      entry.handle.finish();
    }
    entry.clear();
    entry.next = free;
    free = entry;
  }
}
