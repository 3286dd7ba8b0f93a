package dev.bellows.trainer.control;

import java.util.List;

/// Told by the coordinator what happens in a run, on the coordinator's thread; must return soon.
public interface RunListener {
  /// A worker registered; `count` of `expected` are here.
  default void registered(ControlMessage.Register registration, int count, int expected) {}

  /// A generation begins.
  default void generationStarted(
      ControlMessage.Membership membership, List<ControlMessage.Register> registrations) {}

  /// A step is done.
  default void step(ControlMessage.StepReport report) {}

  /// An evaluation is done.
  default void evaluation(ControlMessage.EvaluationReport report) {}

  /// A checkpoint is committed.
  default void checkpointCommitted(long step, String folder, double stallSeconds) {}

  /// A checkpoint could not be saved; training goes on.
  default void checkpointFailed(long step, String reason) {}

  /// The run is over.
  default void ended(RunReport report) {}
}
