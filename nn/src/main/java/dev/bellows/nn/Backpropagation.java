package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;

/// The gradient of the mean loss by reverse-mode differentiation of the whole model.
///
/// Each group is one gradient sum over its micro-batches, in order. Nothing is kept between steps but what `saved` keeps. Threads: one at a
/// time, the backend's caller.
public final class Backpropagation implements GradientEstimator {
  private final Backend backend;
  private final Model model;
  private final ParameterStore store;
  private final SavedTensors saved;
  private final WeightGradient weightGradient;
  private final Loss loss;
  private final Philox dropout;
  private final TensorGroup group;

  /// Backpropagation of the plain cross-entropy, with the random numbers of seed 0.
  public Backpropagation(
      Backend backend,
      Model model,
      ParameterStore store,
      SavedTensors saved,
      WeightGradient weightGradient) {
    this(backend, model, store, saved, weightGradient, Loss.PLAIN, 0);
  }

  /// Backpropagation of `loss` through `model`, whose parameters `store` has placed on `backend`. Dropout draws the numbers of `seed`.
  public Backpropagation(
      Backend backend,
      Model model,
      ParameterStore store,
      SavedTensors saved,
      WeightGradient weightGradient,
      Loss loss,
      long seed) {
    this(backend, model, store, saved, weightGradient, loss, seed, TensorGroup.single());
  }

  /// The same on one rank of `group`, whose part of the parameters `store` has placed. All ranks estimate the same batches and get the same losses;
  /// gradients that several ranks share are not summed over them yet.
  public Backpropagation(
      Backend backend,
      Model model,
      ParameterStore store,
      SavedTensors saved,
      WeightGradient weightGradient,
      Loss loss,
      long seed,
      TensorGroup group) {
    this.backend = backend;
    this.model = model;
    this.store = store;
    this.saved = saved;
    this.weightGradient = weightGradient;
    this.loss = loss;
    this.dropout = Philox.of(seed, Philox.Purpose.DROPOUT);
    this.group = group;
  }

  @Override
  public void estimate(StepBatch batch, GradientSink sink) {
    store.refreshOperands();
    try (Tape tape = new Tape(backend, saved, weightGradient, true, group)) {
      tape.drawFrom(dropout);
      for (int group = batch.firstGroup(); group < batch.endGroup(); group++) {
        sink.endGroup(group, accumulate(tape, batch, group));
      }
    }
    sink.ready(store.parameters());
  }

  /// Leaves the gradient sum of `group` in the store and returns the sum of its row losses.
  private double accumulate(Tape tape, StepBatch batch, int group) {
    store.beginAccumulation();
    double lossSum = 0;
    for (int index = 0; index < batch.microBatchesPerGroup(); index++) {
      try (Batch microBatch = batch.microBatch(group, index)) {
        Variable logits = model.logits(tape, microBatch);
        lossSum += tape.crossEntropy(loss, logits, microBatch.targets(), batch.lossScale());
        tape.backward();
        tape.reset();
      }
    }
    store.endAccumulation();
    return lossSum;
  }
}
