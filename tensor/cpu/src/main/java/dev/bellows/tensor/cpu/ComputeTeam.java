package dev.bellows.tensor.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/// A fixed team of compute threads, the caller among them: fork and join per operation over tiles that are claimed one by one.
///
/// The tiles are the same for every size of the team and each is computed by one thread, so the bits of a result do not depend on
/// the size. Between operations the threads spin for a few microseconds and then park. A thread that wakes up late finds its job
/// already done and harms nobody. The first exception of a tile travels to the caller; later tiles are then skipped.
final class ComputeTeam implements AutoCloseable {
  private static final AtomicInteger NAMES = new AtomicInteger();

  /// About 20 µs: longer than the gap between two operations of a training step, short against a thread's time slice.
  private static final int SPINS = 500;

  private final Member[] members;
  private volatile Job job;
  private volatile boolean closed;

  /// A team of `threads` threads that calls `prepare` once on each new thread.
  ComputeTeam(int threads, Runnable prepare) {
    members = new Member[threads - 1];
    int team = NAMES.getAndIncrement();
    for (int i = 0; i < members.length; i++) {
      members[i] = new Member(i + 1, "bellows-compute-" + team + "-" + (i + 1), prepare);
      members[i].start();
    }
  }

  /// Threads of the team, the caller included.
  int threads() {
    return members.length + 1;
  }

  /// Runs tiles 0 to `tiles - 1` and returns when all are done. A single tile runs on the caller alone.
  void run(int tiles, TileTask task) {
    run(true, tiles, task);
  }

  /// The same, on the caller alone unless `together`: for work so small that waking the others takes longer.
  void run(boolean together, int tiles, TileTask task) {
    if (!together || tiles <= 1 || members.length == 0) {
      for (int tile = 0; tile < tiles; tile++) {
        task.run(tile, 0);
      }
      return;
    }
    Job mine = new Job(task, tiles);
    job = mine;
    for (int i = 0; i < members.length && i < tiles - 1; i++) {
      members[i].wake();
    }
    mine.work(0);
    mine.await();
    job = null;
    mine.rethrow();
  }

  @Override
  public void close() {
    closed = true;
    for (Member member : members) {
      LockSupport.unpark(member);
    }
    boolean interrupted = false;
    for (Member member : members) {
      while (member.isAlive()) {
        try {
          member.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Member extends Thread {
    private final int worker;
    private final Runnable prepare;
    private volatile boolean parked;

    Member(int worker, String name, Runnable prepare) {
      super(null, null, name, 0, false);
      this.worker = worker;
      this.prepare = prepare;
      setDaemon(true);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(this);
      }
    }

    @Override
    public void run() {
      prepare.run();
      Job last = null;
      while (!closed) {
        Job next = job;
        if (next == null || next == last) {
          next = awaitJob(last);
        }
        if (next != null) {
          next.work(worker);
          last = next;
        }
      }
    }

    /// The next job after `last`, or null when woken for nothing.
    private Job awaitJob(Job last) {
      for (int i = 0; i < SPINS; i++) {
        Job next = job;
        if (next != null && next != last) {
          return next;
        }
        Thread.onSpinWait();
      }
      parked = true;
      Job next = job;
      if ((next == null || next == last) && !closed) {
        LockSupport.park(ComputeTeam.this);
      }
      parked = false;
      return null;
    }
  }

  /// One operation: its tiles, and how many are claimed and done.
  private static final class Job {
    private static final VarHandle CLAIMED;
    private static final VarHandle DONE;
    private static final VarHandle FAILURE;

    static {
      try {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        CLAIMED = lookup.findVarHandle(Job.class, "claimed", int.class);
        DONE = lookup.findVarHandle(Job.class, "done", int.class);
        FAILURE = lookup.findVarHandle(Job.class, "failure", Throwable.class);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    private final TileTask task;
    private final int tiles;
    private final Thread caller = Thread.currentThread();
    private volatile int claimed;
    private volatile int done;
    private volatile boolean callerParked;
    private volatile Throwable failure;

    Job(TileTask task, int tiles) {
      this.task = task;
      this.tiles = tiles;
    }

    void work(int worker) {
      for (int tile = claim(); tile < tiles; tile = claim()) {
        if (failure == null) {
          compute(tile, worker);
        }
        if ((int) DONE.getAndAdd(this, 1) + 1 == tiles && callerParked) {
          LockSupport.unpark(caller);
        }
      }
    }

    private int claim() {
      return (int) CLAIMED.getAndAdd(this, 1);
    }

    private void compute(int tile, int worker) {
      try {
        task.run(tile, worker);
      } catch (Throwable e) {
        FAILURE.compareAndSet(this, null, e);
      }
    }

    void await() {
      for (int i = 0; i < SPINS; i++) {
        if (done == tiles) {
          return;
        }
        Thread.onSpinWait();
      }
      callerParked = true;
      while (done != tiles) {
        LockSupport.park(this);
      }
    }

    void rethrow() {
      switch (failure) {
        case null -> {}
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case Throwable e -> throw new AssertionError(e);
      }
    }
  }
}
