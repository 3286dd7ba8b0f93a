package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.StepBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.DoubleConsumer;

/// A step over given micro-batches.
///
/// @param loader micro-batch `index` of `group`
record FixedBatches(
    int firstGroup,
    int endGroup,
    int microBatchesPerGroup,
    double lossScale,
    BiFunction<Integer, Integer, Batch> loader)
    implements StepBatch {
  @Override
  public Batch microBatch(int group, int index) {
    return loader.apply(group, index);
  }

  /// One group of one micro-batch.
  static FixedBatches one(double lossScale, BiFunction<Integer, Integer, Batch> loader) {
    return new FixedBatches(0, 1, 1, lossScale, loader);
  }

  /// Runs `estimator` on this step and calls `afterGroup` with each group's loss sum, its gradients in the store. Returns the groups in the order
  /// in which they ended, then -1 for each call that says that the parameters are ready.
  List<Integer> run(GradientEstimator estimator, DoubleConsumer afterGroup) {
    List<Integer> events = new ArrayList<>();
    estimator.estimate(
        this,
        new GradientSink() {
          @Override
          public void endGroup(int group, double lossSum) {
            events.add(group);
            afterGroup.accept(lossSum);
          }

          @Override
          public void ready(List<Parameter> parameters) {
            events.add(-1);
          }
        });
    return events;
  }
}
