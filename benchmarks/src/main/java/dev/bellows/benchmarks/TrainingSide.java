package dev.bellows.benchmarks;

/// One of the two engines that are compared: trains the same GPT on the same batches with the same AdamW.
///
/// Threads: one at a time.
interface TrainingSide extends AutoCloseable {
  /// Learning rate, constant.
  double LEARNING_RATE = 1e-3;

  /// Decay of the first moment.
  double BETA1 = 0.9;

  /// Decay of the second moment.
  double BETA2 = 0.95;

  /// Added to AdamW's denominator.
  double EPSILON = 1e-8;

  /// Decoupled decay of matrices; vectors do not decay.
  double WEIGHT_DECAY = 0.1;

  /// Layer normalisation's epsilon.
  double NORM_EPSILON = 1e-5;

  /// One whole step: forward, backward, update. Returns the mean loss in nats before the update.
  double step();

  /// The matrix-product rate in GFLOP/s, fp32, of this side's own kernels at three shapes of the model, best of several.
  double productRate();

  /// One line: library versions, instruction set, threads.
  String description();

  @Override
  void close();
}
