package dev.bellows.trainer;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.GradientEstimator;
import java.util.List;
import java.util.Optional;

/// One rank's part of the model in training: the weights and optimizer states that it holds, how its gradients are completed over the other ranks, and
/// its update. All ranks call alike. Threads: one at a time, the backend's caller.
interface ModelPart extends AutoCloseable {
  /// Draws every parameter's first value from its own stream: the same in every layout.
  void initialise(long seed);

  /// What it holds, for checkpoints.
  TrainingState state();

  /// A restore has filled [#state].
  void restored();

  /// Groups of the batch that this rank computes, in this order.
  List<Integer> groups();

  /// Computes this rank's gradients of a batch.
  GradientEstimator estimator();

  /// How many parameters the estimator says are ready.
  int parameterCount();

  /// The estimator has summed the gradients of `group`.
  void endGroup(int group);

  /// Completes the gradient sums over all ranks, tied uses last.
  void reduce();

  /// The squared norm of the gradients of all trained parameters of the model: the same bits on every rank.
  double squaredNorm();

  /// One optimizer step, see [dev.bellows.optimizers.Optimizer#step].
  void update(long step, double learningRate, double gradientScale);

  /// Loss and accuracy on `batch`, which stays the caller's, on the ranks that know them; empty on the others. The ranks of the data axis may evaluate
  /// different batches at the same time.
  Optional<Evaluation> evaluate(Batch batch);

  /// Takes part in an evaluation of other data ranks that have one batch more.
  void playEvaluation();

  @Override
  void close();
}
