package dev.bellows.parallelism;

/// The caller's hold on a collective that was started and goes on beside the computation: [#await] ends it, [#isDone] asks for it.
///
/// Made once by its user, for example one per gradient bucket, and started again and again; nothing is allocated for a start. Threads: those
/// of its [Collectives].
public final class CollectiveHandle {
  private OperationQueue queue;
  private boolean done;

  /// A handle that nothing was started with yet.
  public CollectiveHandle() {}

  /// Errors: [IllegalStateException] while the operation that was started with it before is under way.
  void start(OperationQueue queue) {
    if (isUnderWay()) {
      throw new IllegalStateException(
          "the handle's last collective is still under way; await it before starting another");
    }
    this.queue = queue;
    done = false;
  }

  void finish() {
    done = true;
  }

  boolean isUnderWay() {
    return queue != null && !done;
  }

  /// Whether [#await] would return, or throw, at once. Moves what can move, so a loop that asks gets there; never waits. False before the first
  /// start.
  public boolean isDone() {
    return queue != null && (done || queue.advance(this));
  }

  /// Blocks until the outputs are complete and the inputs may be changed; returns at once when they are. Meanwhile every other started
  /// collective goes on too. Errors: as the blocking form of the operation, also those that came up since it was started: the first error of a transport's
  /// collectives ends all that are under way. [IllegalStateException] when nothing was started.
  public void await() {
    if (queue == null) {
      throw new IllegalStateException("nothing was started with this handle");
    }
    if (!done) {
      queue.await(this);
    }
  }
}
