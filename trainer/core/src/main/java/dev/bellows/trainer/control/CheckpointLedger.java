package dev.bellows.trainer.control;

import dev.bellows.checkpointing.PartReport;
import dev.bellows.trainer.control.ControlMessage.CheckpointReport;
import dev.bellows.trainer.control.ControlMessage.CheckpointResult;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/// Collects the ranks' reports of each checkpoint and commits it when all are in, on a thread of its own so that heartbeats never wait for a
/// disk. Threads: the coordinator's.
final class CheckpointLedger implements AutoCloseable {
  private static final int CLOSE_SECONDS = 30;

  /// The outcome of one commit, handed from the commit thread to the coordinator's.
  private record Outcome(long step, String folder, double stallSeconds, String failure) {}

  private final int worldSize;
  private final CheckpointCommitter committer;
  private final RunListener listener;
  private final Map<Long, CheckpointReport[]> open = new TreeMap<>();
  private final ConcurrentLinkedQueue<Outcome> outcomes = new ConcurrentLinkedQueue<>();
  private final ExecutorService commits =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "bellows-commit");
            thread.setDaemon(true);
            return thread;
          });
  private int committing;
  private String newest;
  private Outcome last = new Outcome(-1, "", 0, "");

  CheckpointLedger(
      int worldSize, CheckpointCommitter committer, RunListener listener, String newest) {
    this.worldSize = worldSize;
    this.committer = committer;
    this.listener = listener;
    this.newest = newest;
  }

  void add(CheckpointReport report) {
    CheckpointReport[] reports =
        open.computeIfAbsent(report.step(), step -> new CheckpointReport[worldSize]);
    reports[report.rank()] = report;
    if (Arrays.stream(reports).allMatch(one -> one != null)) {
      open.remove(report.step());
      committing++;
      commits.execute(() -> outcomes.add(settle(report.step(), reports)));
    }
  }

  private Outcome settle(long step, CheckpointReport[] reports) {
    double stall = 0;
    String failure = "";
    for (CheckpointReport report : reports) {
      stall = Math.max(stall, report.stallSeconds());
      if (failure.isEmpty() && !report.failure().isEmpty()) {
        failure = "rank " + report.rank() + ": " + report.failure();
      }
    }
    try {
      if (failure.isEmpty()) {
        List<PartReport> parts =
            Arrays.stream(reports).flatMap(report -> report.parts().stream()).toList();
        String folder = committer.commit(step, worldSize, parts, reports[0].trainerState());
        return new Outcome(step, folder, stall, "");
      }
    } catch (Exception e) {
      failure = e.getMessage() == null ? e.toString() : e.getMessage();
    }
    return giveUp(step, failure);
  }

  /// The next settled checkpoint, reported to the listener and returned to be told to the workers.
  Optional<CheckpointResult> poll() {
    Outcome outcome = outcomes.poll();
    if (outcome == null) {
      return Optional.empty();
    }
    committing--;
    last = outcome;
    boolean committed = outcome.failure().isEmpty();
    if (committed) {
      newest = outcome.folder();
      listener.checkpointCommitted(outcome.step(), outcome.folder(), outcome.stallSeconds());
    } else {
      listener.checkpointFailed(outcome.step(), outcome.failure());
    }
    return Optional.of(new CheckpointResult(0, 0, outcome.step(), committed));
  }

  /// Removes what was written of checkpoints that can no longer become complete.
  void abandon() {
    for (long step : open.keySet()) {
      committing++;
      commits.execute(
          () -> outcomes.add(giveUp(step, "the run ended before all workers had written")));
    }
    open.clear();
  }

  private Outcome giveUp(long step, String failure) {
    try {
      committer.discard(step);
      return new Outcome(step, "", 0, failure);
    } catch (Exception e) {
      return new Outcome(
          step, "", 0, failure + "; and what was written could not be removed: " + e.getMessage());
    }
  }

  /// Why the last settled checkpoint failed, if it is that of `step`.
  Optional<String> failureOf(long step) {
    return last.step() == step && !last.failure().isEmpty()
        ? Optional.of(last.failure())
        : Optional.empty();
  }

  boolean isSettled() {
    return committing == 0 && open.isEmpty();
  }

  /// Folder of the newest committed checkpoint, or empty.
  String newest() {
    return newest;
  }

  /// Ends the commit thread once it has done what it was given.
  @Override
  public void close() {
    commits.shutdown();
    try {
      if (!commits.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        commits.shutdownNow();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
