package dev.bellows.trainer.config;

/// Section `evaluate`: the loss on held-out samples.
///
/// @param every steps between evaluations; 0, the default: only at the end
/// @param samples validation samples that count, the first ones; 0, the default: all
public record EvaluateSection(@Default("0") long every, @Default("0") long samples) {
  public EvaluateSection {
    Check.atLeast("evaluate.every", every, 0);
    Check.atLeast("evaluate.samples", samples, 0);
  }
}
