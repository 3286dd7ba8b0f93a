package dev.bellows.trainer;

import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.StepBatch;
import dev.bellows.trainer.data.StepLoader;

/// The loop of one rank: batch, gradients, update, then what happens at the step's border.
final class TrainLoop {
  /// What happens at step borders, in this order; all ranks call alike.
  interface Events {
    /// Whether this rank was asked to end the run.
    boolean stopRequested();

    /// A step is done; `seconds` is its wall time.
    void stepDone(long step, StepRecord record, double seconds);

    /// The last step is done, or the run was stopped.
    void loopDone(long step, boolean stopped);
  }

  private final StepLoader loader;
  private final GradientEstimator estimator;
  private final EndOfBatchSink sink;
  private final Events events;

  TrainLoop(StepLoader loader, GradientEstimator estimator, EndOfBatchSink sink, Events events) {
    this.loader = loader;
    this.estimator = estimator;
    this.sink = sink;
    this.events = events;
  }

  /// Trains from `completed` steps to `lastStep`, or to the step in which some rank was asked to stop or that `stopAfter` names.
  void run(long completed, long lastStep, long stopAfter) {
    boolean stopped = false;
    long step = completed;
    while (step < lastStep && !stopped) {
      step++;
      long start = System.nanoTime();
      StepBatch batch = loader.load(step - 1);
      double dataSeconds = (System.nanoTime() - start) / 1e9;
      sink.begin(step, batch.lossScale(), dataSeconds, events.stopRequested());
      estimator.estimate(sink.scaled(batch), sink);
      StepRecord record = sink.record();
      events.stepDone(step, record, (System.nanoTime() - start) / 1e9);
      stopped = step < lastStep && (record.stop() || step >= stopAfter);
    }
    events.loopDone(step, stopped);
  }
}
