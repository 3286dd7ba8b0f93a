package dev.bellows.trainer.config;

import java.util.List;

/// Section `optimizer`: the update rule. A key that belongs to another kind keeps its default.
///
/// @param kind `adamw` (default), `sgd`, `lion`, `adafactor` or `muon`
/// @param learningRate the schedule's highest value, above 0; default 0.001, lion 0.0001, adafactor 0.01
/// @param beta1 decay of the mean of gradients; default 0.9 (adamw, lion, muon's AdamW)
/// @param beta2 decay of the mean of squared gradients; default 0.95, as language models are trained today, where Adam's paper has 0.999 (adamw,
///     muon's AdamW); of the momentum, default 0.99 (lion)
/// @param epsilon added to the root of the second moment; default 1e-8 (adamw, muon's AdamW); least root of the second moment, default 2⁻²³
///     (adafactor)
/// @param weightDecay decoupled decay of matrices per unit of learning rate; default 0.1, lion 1, adafactor 0
/// @param momentum default 0.9 (sgd), 0.95 (muon)
/// @param nesterov whether the step looks ahead along the momentum; default false (sgd), true (muon)
/// @param beta2Decay exponent by which the second moment's weight falls, below 0; default -0.8 (adafactor)
/// @param minimumScale least scale of a parameter; default 0.001 (adafactor)
/// @param updateClip largest root mean square of an update; default 1 (adafactor)
/// @param relativeStep whether steps shrink with 1/√step and grow with the parameter; default true (adafactor)
/// @param clip largest global norm of the gradients, larger ones are scaled down to it; default 1.0, 0 switches it off
/// @param groups parameters that are updated in another way, by name; the first match counts; default none
public record OptimizerSection(
    @Default("adamw") Kind kind,
    @Default(
            value = "0.001",
            perKind = {"lion=0.0001", "adafactor=0.01"})
        double learningRate,
    @ForKind({"adamw", "lion", "muon"}) @Default("0.9") double beta1,
    @ForKind({"adamw", "lion", "muon"}) @Default(value = "0.95", perKind = "lion=0.99")
        double beta2,
    @ForKind({"adamw", "adafactor", "muon"})
        @Default(value = "1e-8", perKind = "adafactor=1.1920928955078125e-7")
        double epsilon,
    @Default(
            value = "0.1",
            perKind = {"lion=1", "adafactor=0"})
        double weightDecay,
    @ForKind({"sgd", "muon"}) @Default(value = "0.9", perKind = "muon=0.95") double momentum,
    @ForKind({"sgd", "muon"}) @Default(value = "false", perKind = "muon=true") boolean nesterov,
    @ForKind("adafactor") @Default("-0.8") double beta2Decay,
    @ForKind("adafactor") @Default("0.001") double minimumScale,
    @ForKind("adafactor") @Default("1") double updateClip,
    @ForKind("adafactor") @Default("true") boolean relativeStep,
    @Default("1.0") double clip,
    @Default("") List<GroupSection> groups) {
  /// The update rules.
  public enum Kind {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    ADAMW,
    /// Stochastic gradient descent with momentum.
    SGD,
    /// Sign of an interpolated momentum (Chen et al. 2023).
    LION,
    /// Second moment by rows and columns, no momentum (Shazeer and Stern 2018).
    ADAFACTOR,
    /// Orthogonalised momentum for matrices, AdamW for the rest (Jordan et al. 2024).
    MUON
  }

  public OptimizerSection {
    groups = List.copyOf(groups);
    Check.positive("optimizer.learningRate", learningRate);
    Check.within("optimizer.beta1", beta1, 0, 1);
    Check.within("optimizer.beta2", beta2, 0, 1);
    Check.positive("optimizer.epsilon", epsilon);
    Check.notNegative("optimizer.weightDecay", weightDecay);
    Check.within("optimizer.momentum", momentum, 0, 1);
    Check.notNegative("optimizer.clip", clip);
    Check.that(
        kind != Kind.SGD || !nesterov || momentum > 0,
        "optimizer.nesterov",
        "optimizer.nesterov is true while optimizer.momentum is 0; it needs a momentum above 0");
    Check.that(
        kind != Kind.ADAFACTOR || epsilon >= 1e-18,
        "optimizer.epsilon",
        "optimizer.epsilon is "
            + epsilon
            + "; for adafactor it must be 1e-18 or more, because its square must not vanish");
    Check.that(
        beta2Decay < 0 && Double.isFinite(beta2Decay),
        "optimizer.beta2Decay",
        "optimizer.beta2Decay is " + beta2Decay + "; it must be a number below 0, such as -0.8");
    Check.positive("optimizer.minimumScale", minimumScale);
    Check.positive("optimizer.updateClip", updateClip);
    for (GroupSection group : groups) {
      Check.that(
          kind == Kind.MUON || group.rule() == GroupSection.Rule.AUTO,
          "optimizer.groups",
          "optimizer.groups has a rule for "
              + group.match()
              + ", which has a meaning only for optimizer.kind muon; leave it out");
    }
  }
}
