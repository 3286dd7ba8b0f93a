package dev.bellows.benchmarks;

/// One of the engines that are compared: trains a [ModelShape] on given batches with a given [Update].
///
/// Threads: one at a time.
interface TrainingSide extends AutoCloseable {
  /// Layer normalisation's epsilon.
  double NORM_EPSILON = 1e-5;

  /// One whole step: forward, backward, update. Returns the mean loss in nats before the update.
  double step();

  /// The logits [rows · classes] of the next step's batch, with the present weights. Changes nothing.
  float[] logits();

  /// The gradient of the last step's mean loss for `weight`.
  float[] gradient(Weight weight);

  /// The present value of `weight`.
  float[] value(Weight weight);

  /// The matrix-product rate in GFLOP/s, in the side's precision, of its own kernels at shapes of the model, the best of several
  /// loops of at least `loopNanos`.
  double productRate(long loopNanos);

  /// Native buffers that were taken from the operating system so far, not counting reused ones; 0 where the library does not count.
  long nativeAllocations();

  /// One line: library versions, instruction set, threads.
  String description();

  /// Frees everything. Errors: [IllegalStateException] when buffers were leaked.
  @Override
  void close();
}
