package dev.bellows.parallelism.zero;

import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Model;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;

/// Backpropagation of a model whose weights or gradients are shared out: the same as [dev.bellows.nn.Backpropagation], bit by bit, with a [ZeroShare] told
/// of every unit's passes ([ZeroShare#hooked]). The sink passes on to the share what groups end, and sums when the parameters are ready. Threads: one at a time, the
/// backend's caller.
public final class UnitBackpropagation implements GradientEstimator {
  private final Backend backend;
  private final Model model;
  private final ZeroShare share;
  private final SavedTensors saved;
  private final WeightGradient weightGradient;
  private final Loss loss;
  private final Philox dropout;

  /// Backpropagation of `loss` through `model`, whose weights lie where `share` says. Dropout draws the numbers of `seed`.
  public UnitBackpropagation(
      Backend backend,
      Model model,
      ZeroShare share,
      SavedTensors saved,
      WeightGradient weightGradient,
      Loss loss,
      long seed) {
    this.backend = backend;
    this.model = share.hooked(model);
    this.share = share;
    this.saved = saved;
    this.weightGradient = weightGradient;
    this.loss = loss;
    this.dropout = Philox.of(seed, Philox.Purpose.DROPOUT);
  }

  /// Runs the share's groups; the range that `batch` names does not matter.
  @Override
  public void estimate(StepBatch batch, GradientSink sink) {
    share.beginStep();
    try (Tape tape = new Tape(backend, saved, weightGradient, true)) {
      tape.drawFrom(dropout);
      for (int group : share.groups()) {
        sink.endGroup(group, accumulate(tape, batch, group));
      }
    }
    sink.ready(share.layout().parameters());
  }

  /// Returns the sum of the row losses of `group`.
  private double accumulate(Tape tape, StepBatch batch, int group) {
    double lossSum = 0;
    for (int index = 0; index < batch.microBatchesPerGroup(); index++) {
      try (Batch microBatch = batch.microBatch(group, index)) {
        Variable logits = model.logits(tape, microBatch);
        lossSum += tape.crossEntropy(loss, logits, microBatch.targets(), batch.lossScale());
        tape.backward();
        tape.reset();
      }
    }
    return lossSum;
  }
}
