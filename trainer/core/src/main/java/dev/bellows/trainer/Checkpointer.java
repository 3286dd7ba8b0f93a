package dev.bellows.trainer;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bellows.checkpointing.CheckpointWriter;
import dev.bellows.checkpointing.PartIdentity;
import dev.bellows.checkpointing.PartReport;
import dev.bellows.checkpointing.SavePlan;
import dev.bellows.checkpointing.Snapshot;
import dev.bellows.optimizers.LossScaler;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.ControlMessage.CheckpointReport;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.CoordinatorLink;
import dev.bellows.trainer.control.MessageCodec;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/// Saves this rank's share of the run. Training stands still only while the share is copied; a thread of its own writes the copy and reports
/// to the coordinator, which commits when all ranks' parts are there.
final class Checkpointer implements AutoCloseable {
  private static final Duration SETTLE = Duration.ofMinutes(5);

  private final WorkerSpec spec;
  private final RunConfig config;
  private final Membership membership;
  private final CoordinatorLink link;
  private final RunFolder folder;
  private final TrainingState state;
  private final LossScaler scaler;
  private final SavePlan plan;
  private final ExecutorService writer;
  private Snapshot snapshot;
  private Future<?> writing;
  private long savedStep = -1;

  Checkpointer(
      WorkerSpec spec,
      RunConfig config,
      Membership membership,
      CoordinatorLink link,
      TrainingState state,
      SavePlan plan,
      LossScaler scaler) {
    this.spec = spec;
    this.config = config;
    this.membership = membership;
    this.link = link;
    this.folder = RunFolder.of(spec.folder());
    this.state = state;
    this.scaler = scaler;
    this.plan = plan;
    this.writer =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform()
                .daemon()
                .name("bellows-checkpoint-r" + membership.rank())
                .factory());
  }

  /// Name of the save of `step` in attempt `runId`; every rank and the driver find the same.
  static String saveId(long runId, long step) {
    return "run-" + Long.toHexString(runId) + "-step-" + step;
  }

  /// Whether the last save was that of `step`: a run may be stopped at a step whose checkpoint is under way already.
  boolean hasSaved(long step) {
    return savedStep == step;
  }

  /// Starts the save of the state after `step`. All ranks call alike.
  void save(long step) {
    long start = System.nanoTime();
    awaitWritten();
    savedStep = step;
    // Told now: training goes on while the copy is written.
    String trainerState = trainerState(step);
    try {
      if (snapshot == null) {
        snapshot = new Snapshot(plan, membership.rank());
      }
      snapshot.capture(state);
    } catch (IOException | RuntimeException e) {
      double seconds = (System.nanoTime() - start) / 1e9;
      link.send(
          message(step, List.of(), trainerState, "the copy failed: " + e.getMessage(), seconds));
      return;
    }
    double stall = (System.nanoTime() - start) / 1e9;
    writing = writer.submit(() -> write(step, trainerState, stall));
  }

  private void write(long step, String trainerState, double stall) {
    int attempt = membership.members().get(membership.rank()).attempt();
    PartIdentity identity =
        new PartIdentity(
            saveId(spec.runId(), step), membership.generation(), membership.rank(), attempt);
    List<PartReport> parts = List.of();
    String failure = "";
    try {
      parts =
          CheckpointWriter.write(
              folder.store(),
              RunCheckpoints.stepFolder(folder, step),
              identity,
              plan,
              membership.rank(),
              snapshot);
    } catch (IOException | RuntimeException e) {
      failure = e.getMessage() == null ? e.toString() : e.getMessage();
    }
    link.send(message(step, parts, trainerState, failure, stall));
  }

  private String trainerState(long step) {
    ObjectNode trainer =
        JsonNodeFactory.instance
            .objectNode()
            .put("step", step)
            .put("consumed_samples", step * config.batch().global())
            .put("seed", config.seed())
            .put("saved_workers", membership.members().size());
    LossScaleState.save(scaler, trainer);
    return trainer.toString();
  }

  private CheckpointReport message(
      long step, List<PartReport> parts, String trainerState, String failure, double stall) {
    return new CheckpointReport(
        spec.runId(),
        membership.generation(),
        membership.rank(),
        step,
        MessageCodec.list(parts),
        trainerState,
        failure,
        stall);
  }

  /// Waits until this rank's last save is written or has failed.
  private void awaitWritten() {
    try {
      if (writing != null) {
        writing.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a checkpoint was written", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a checkpoint's writer failed", e.getCause());
    } finally {
      writing = null;
    }
  }

  /// Waits until the coordinator has committed the last save or given it up, or the run has ended.
  void awaitSettled() {
    if (savedStep < 0) {
      return;
    }
    awaitWritten();
    long deadline = System.nanoTime() + SETTLE.toNanos();
    while (link.checkpointResult(savedStep).isEmpty() && System.nanoTime() - deadline < 0) {
      link.check();
      LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
    }
  }

  @Override
  public void close() {
    writer.shutdown();
    try {
      if (!writer.awaitTermination(SETTLE.toSeconds(), TimeUnit.SECONDS)) {
        writer.shutdownNow();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (snapshot != null) {
      snapshot.close();
    }
  }
}
