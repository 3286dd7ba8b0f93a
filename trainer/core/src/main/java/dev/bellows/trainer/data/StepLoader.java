package dev.bellows.trainer.data;

import dev.bellows.nn.SampleRange;
import dev.bellows.nn.StepBatch;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.BatchSection;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/// Brings each step's samples of some groups to the backend, and reads the next step ahead on one background thread.
///
/// Step `s` consumes the positions [s · global, (s + 1) · global); group `g` holds the g-th of `groups` equal parts, its micro-batches in
/// order. Two host buffers of this rank's samples alternate, so the batch of a step is valid until the next [#load].
///
/// Threads: one caller; the dataset is read by the background thread only. Errors: what the background thread meets is thrown by [#load] as
/// a [DataException] with its cause. Memory: [#close] frees the buffers; micro-batches belong to whoever loaded them.
public final class StepLoader implements AutoCloseable {
  private static final long CLOSE_SECONDS = 10;

  private final Dataset dataset;
  private final SampleOrder order;
  private final BatchSection batch;
  private final int[] groups;
  private final Backend backend;
  private final Arena arena = Arena.ofShared();
  private final ExecutorService thread;
  private HostBatch current;
  private HostBatch ahead;
  private long aheadStep = -1;
  private Future<?> reading;
  private long waitNanos;

  /// A loader for these groups of every step, ascending, uploading to `backend`, which is borrowed.
  public StepLoader(
      Dataset dataset,
      SampleOrder order,
      BatchSection batch,
      List<Integer> groups,
      Backend backend) {
    this.groups = groups.stream().mapToInt(Integer::intValue).toArray();
    checkGroups(batch);
    this.dataset = dataset;
    this.order = order;
    this.batch = batch;
    this.backend = backend;
    int samples = this.groups.length * batch.samplesPerGroup();
    this.current = new HostBatch(arena, dataset.layout(), samples);
    this.ahead = new HostBatch(arena, dataset.layout(), samples);
    this.thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("bellows-data-group-" + this.groups[0]).factory());
  }

  private void checkGroups(BatchSection batch) {
    boolean ascending = groups.length > 0 && groups[0] >= 0;
    for (int i = 1; i < groups.length; i++) {
      ascending &= groups[i] > groups[i - 1];
    }
    if (!ascending || groups[groups.length - 1] >= batch.groups()) {
      throw new IllegalArgumentException(
          "the groups "
              + Arrays.toString(groups)
              + " are not ascending among the "
              + batch.groups()
              + " groups of a step");
    }
  }

  /// The batch of `step`, 0 or more; blocks until its samples are read. Steps in order are read ahead; any other step is read on demand. The
  /// batch before becomes invalid.
  public StepBatch load(long step) {
    long start = System.nanoTime();
    if (aheadStep != step) {
      finishReading(false);
      read(step);
    }
    finishReading(true);
    waitNanos += System.nanoTime() - start;
    HostBatch ready = ahead;
    ahead = current;
    current = ready;
    read(step + 1);
    return new LoadedStep(ready, step);
  }

  /// Nanoseconds that [#load] has waited for data so far, in all.
  public long waitNanos() {
    return waitNanos;
  }

  private void read(long step) {
    if (step < 0) {
      throw new IllegalArgumentException("there is no step " + step + "; the first is 0");
    }
    HostBatch target = ahead;
    target.invalidate();
    aheadStep = step;
    reading = thread.submit(() -> fill(target, step));
  }

  private void fill(HostBatch target, long step) {
    int samples = batch.samplesPerGroup();
    for (int i = 0; i < target.samples(); i++) {
      if (Thread.interrupted()) {
        return;
      }
      long place = step * batch.global() + (long) groups[i / samples] * samples + i % samples;
      target.read(i, dataset, order.epoch(place), order.index(place));
    }
    target.validate(step);
  }

  /// Waits for the background read; its error is thrown, or dropped with the unwanted step.
  private void finishReading(boolean wanted) {
    if (reading == null) {
      return;
    }
    Future<?> read = reading;
    reading = null;
    long step = aheadStep;
    aheadStep = -1;
    try {
      read.get();
    } catch (ExecutionException e) {
      if (wanted) {
        throw new DataException(
            "the samples of step " + step + " could not be read: " + reason(e.getCause()),
            e.getCause());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("the wait for the samples of step " + step + " was interrupted", e);
    }
  }

  private static String reason(Throwable cause) {
    return cause.getMessage() == null ? cause.toString() : cause.getMessage();
  }

  /// Ends the background thread and frees the buffers; the last batch becomes invalid. Closing again does nothing.
  @Override
  public void close() {
    if (thread.isShutdown()) {
      return;
    }
    current.invalidate();
    thread.shutdownNow();
    boolean interrupted = false;
    boolean ended = false;
    try {
      ended = thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    // A dataset that does not answer may still write; its buffers stay until the process ends.
    if (ended) {
      arena.close();
    }
  }

  /// One step's samples in a host buffer.
  private final class LoadedStep implements StepBatch {
    private final HostBatch host;
    private final long step;

    LoadedStep(HostBatch host, long step) {
      this.host = host;
      this.step = step;
    }

    @Override
    public int firstGroup() {
      return groups[0];
    }

    @Override
    public int endGroup() {
      return groups[groups.length - 1] + 1;
    }

    @Override
    public int microBatchesPerGroup() {
      return batch.microBatchesPerGroup();
    }

    @Override
    public dev.bellows.nn.Batch microBatch(int group, int index) {
      int own = Arrays.binarySearch(groups, group);
      if (own < 0 || index < 0 || index >= microBatchesPerGroup()) {
        throw new IndexOutOfBoundsException(
            "micro-batch "
                + index
                + " of group "
                + group
                + " is not in this rank's groups "
                + Arrays.toString(groups)
                + " of "
                + microBatchesPerGroup()
                + " micro-batches");
      }
      if (host.step() != step) {
        throw new IllegalStateException(
            "the batch of step " + step + " was used after the next one was loaded");
      }
      int first = own * batch.samplesPerGroup() + index * batch.micro();
      return host.upload(backend, first, batch.micro(), samples(group, index).firstPlace());
    }

    @Override
    public SampleRange samples(int group, int index) {
      long first = (long) group * batch.samplesPerGroup() + (long) index * batch.micro();
      return new SampleRange(batch.micro(), step * batch.global() + first);
    }

    @Override
    public double lossScale() {
      return 1.0 / ((double) batch.global() * dataset.layout().targetsPerSample());
    }
  }
}
