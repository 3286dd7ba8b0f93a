package dev.bellows.trainer.control;

import dev.bellows.checkpointing.PartReport;
import java.util.List;

/// What coordinator and workers tell each other. Every message carries the run id, a random number of the run's attempt; others are dropped.
public sealed interface ControlMessage {
  /// Random number of the run's attempt.
  long runId();

  /// Worker to coordinator: I am here. Repeated until it is answered.
  ///
  /// @param member who is asking; its rank is not yet meaningful
  /// @param cores processors of the worker
  /// @param fingerprint everything of the backend that can change a bit
  /// @param description the backend for the start banner
  /// @param memory what the worker needs and what it may use
  /// @param nonce what the worker read from the driver's nonce file in the run folder, or why it could not
  record Register(
      long runId,
      Member member,
      int cores,
      String fingerprint,
      String description,
      MemoryNeed memory,
      String nonce)
      implements ControlMessage {}

  /// Coordinator to worker: you may not join.
  record Refusal(long runId, ErrorCategory category, String sentence) implements ControlMessage {}

  /// Coordinator to worker: a generation begins.
  ///
  /// @param generation its number, from 1
  /// @param rank the receiver's rank
  /// @param members everybody, in rank order
  /// @param resumeFrom folder of the checkpoint to restore, or empty to start from the first step
  record Membership(long runId, int generation, int rank, List<Member> members, String resumeFrom)
      implements ControlMessage {}

  /// Worker to coordinator, every second: I live.
  ///
  /// @param step steps completed
  /// @param phase what it is doing, one word
  record Heartbeat(long runId, int generation, int rank, int attempt, long step, String phase)
      implements ControlMessage {}

  /// Coordinator to worker, every second: the driver lives.
  record Pulse(long runId, int generation) implements ControlMessage {}

  /// Rank 0 to coordinator after each step.
  ///
  /// @param step number of the step, from 1
  /// @param loss mean loss over the global batch, nats
  /// @param gradientNorm before clipping
  /// @param learningRate used in this step
  /// @param samples consumed since the run's start
  /// @param seconds wall time of the step
  /// @param dataWait share of that time in which the slowest rank waited for data
  /// @param communicationWait share of that time in which the slowest rank exchanged or waited
  /// @param memoryPeak highest device bytes of any rank
  /// @param skipped whether the update was left out because a gradient overflowed
  /// @param lossScale after this step; 0 without loss scaling
  /// @param skippedSteps steps left out since the run's start
  record StepReport(
      long runId,
      int generation,
      long step,
      double loss,
      double gradientNorm,
      double learningRate,
      long samples,
      double seconds,
      double dataWait,
      double communicationWait,
      long memoryPeak,
      boolean skipped,
      double lossScale,
      long skippedSteps)
      implements ControlMessage {}

  /// Rank 0 to coordinator after an evaluation.
  ///
  /// @param step steps completed
  /// @param loss mean over the evaluated rows, nats
  /// @param accuracy share of rows whose likeliest class is the target
  /// @param rows evaluated
  /// @param seconds wall time
  record EvaluationReport(
      long runId,
      int generation,
      long step,
      double loss,
      double accuracy,
      long rows,
      double seconds)
      implements ControlMessage {}

  /// Worker to coordinator: my part of a checkpoint is written, or failed.
  ///
  /// @param step the checkpoint's step
  /// @param parts what was written; empty when it failed
  /// @param trainerState the run's own state as JSON, the same on every rank
  /// @param failure why it failed; empty when it did not
  /// @param stallSeconds how long training stood still for the copy
  record CheckpointReport(
      long runId,
      int generation,
      int rank,
      long step,
      List<PartReport> parts,
      String trainerState,
      String failure,
      double stallSeconds)
      implements ControlMessage {}

  /// Coordinator to workers: the checkpoint of `step` is committed, or given up.
  record CheckpointResult(long runId, int generation, long step, boolean committed)
      implements ControlMessage {}

  /// Coordinator to workers: save a checkpoint at the next step boundary, then end.
  record Stop(long runId, int generation) implements ControlMessage {}

  /// Coordinator to workers: end at once.
  record Abort(long runId, String reason) implements ControlMessage {}

  /// Worker to coordinator: I cannot go on.
  ///
  /// @param rank of the sender
  /// @param step that it was working on
  /// @param lostPeer the rank it could not reach, or -1 when the cause is its own
  /// @param sentence the cause
  /// @param detail stack trace for the log
  record Failure(
      long runId,
      int generation,
      int rank,
      long step,
      int lostPeer,
      ErrorCategory category,
      String sentence,
      String detail)
      implements ControlMessage {}

  /// Worker to coordinator: my work is done and my last checkpoint is settled.
  record Finished(long runId, int generation, int rank, long step, boolean stopped)
      implements ControlMessage {}
}
