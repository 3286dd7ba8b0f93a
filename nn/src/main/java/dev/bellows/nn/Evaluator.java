package dev.bellows.nn;

import dev.bellows.tensor.Backend;

/// Measures a model on batches, without gradients. Threads: one at a time, the backend's caller.
public final class Evaluator {
  private final Backend backend;
  private final Model model;
  private final TensorGroup group;

  /// An evaluator of `model`, whose parameters lie on `backend`.
  public Evaluator(Backend backend, Model model) {
    this(backend, model, TensorGroup.single());
  }

  /// The same on one rank of `group`; all ranks evaluate the same batches and get the same results.
  public Evaluator(Backend backend, Model model, TensorGroup group) {
    this.backend = backend;
    this.model = model;
    this.group = group;
  }

  /// Loss and accuracy on `batch`, which stays the caller's.
  public Evaluation evaluate(Batch batch) {
    try (Tape tape = Tape.evaluating(backend, group)) {
      Variable logits = model.logits(tape, batch);
      Evaluation counted = Predictions.count(tape, logits, batch.targets());
      double lossSum = tape.crossEntropy(logits, batch.targets(), 1);
      return new Evaluation(lossSum, counted.rows(), counted.correct());
    }
  }
}
