package dev.bellows.trainer.config;

/// Section `optimizer`: the update rule. A key that belongs to another kind keeps its default.
///
/// @param kind `adamw` (default) or `sgd`
/// @param learningRate the schedule's highest value, above 0; default 0.001
/// @param beta1 decay of the mean of gradients; default 0.9 (adamw)
/// @param beta2 decay of the mean of squared gradients; default 0.95, as language models are trained today, where Adam's paper has 0.999
///     (adamw)
/// @param epsilon added to the root of the second moment; default 1e-8 (adamw)
/// @param weightDecay decoupled decay of matrices per unit of learning rate; default 0.1
/// @param momentum default 0.9 (sgd)
/// @param nesterov whether the step looks ahead along the momentum; default false (sgd)
/// @param clip largest global norm of the gradients, larger ones are scaled down to it; default 1.0, 0 switches it off
public record OptimizerSection(
    @Default("adamw") Kind kind,
    @Default("0.001") double learningRate,
    @ForKind("adamw") @Default("0.9") double beta1,
    @ForKind("adamw") @Default("0.95") double beta2,
    @ForKind("adamw") @Default("1e-8") double epsilon,
    @Default("0.1") double weightDecay,
    @ForKind("sgd") @Default("0.9") double momentum,
    @ForKind("sgd") @Default("false") boolean nesterov,
    @Default("1.0") double clip) {
  /// The update rules.
  public enum Kind {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    ADAMW,
    /// Stochastic gradient descent with momentum.
    SGD
  }

  public OptimizerSection {
    Check.positive("optimizer.learningRate", learningRate);
    Check.within("optimizer.beta1", beta1, 0, 1);
    Check.within("optimizer.beta2", beta2, 0, 1);
    Check.positive("optimizer.epsilon", epsilon);
    Check.notNegative("optimizer.weightDecay", weightDecay);
    Check.within("optimizer.momentum", momentum, 0, 1);
    Check.notNegative("optimizer.clip", clip);
    Check.that(
        !nesterov || momentum > 0,
        "optimizer.nesterov",
        "optimizer.nesterov is true while optimizer.momentum is 0; it needs a momentum above 0");
  }
}
