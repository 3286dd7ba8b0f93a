package dev.bellows.optimizers;

/// The learning rate as a function of the step. Immutable.
///
/// All schedules share one warm-up of W steps, nanoGPT's: the rate of step s < W is peak · (s + 1) / (W + 1), so the first step moves already
/// and step W is the first at the peak.
public sealed interface Schedule permits Constant, Cosine, WarmupStableDecay {
  /// The learning rate of `step`, counted from 0. Errors: [IllegalArgumentException] when it is negative.
  double at(long step);
}
