package dev.bellows.nn;

/// How a batch becomes gradients: backpropagation, or local losses.
public interface GradientEstimator {
  /// Runs this rank's groups in order and hands their gradients to `sink`. A step changes weights only through the sink.
  void estimate(StepBatch batch, GradientSink sink);
}
