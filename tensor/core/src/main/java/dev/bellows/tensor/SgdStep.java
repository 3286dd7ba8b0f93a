package dev.bellows.tensor;

/// The scalars of one SGD step, as libtorch orders them: `g = gradientScale·gradient + weightDecay·p`; the first step sets
/// `buf = g`, later ones `buf = momentum·buf + g`; `p -= lr · (nesterov ? g + momentum·buf : buf)`.
///
/// @param learningRate lr, already scheduled
/// @param momentum factor on the momentum buffer; with 0 the buffer is set to g all the same
/// @param nesterov look ahead
/// @param weightDecay coupled decay
/// @param gradientScale factor on the gradient
/// @param step t, counted from 1
public record SgdStep(
    double learningRate,
    double momentum,
    boolean nesterov,
    double weightDecay,
    double gradientScale,
    long step) {
  public SgdStep {
    if (step < 1) {
      throw new IllegalArgumentException("SGD counts its steps from 1, not " + step);
    }
  }
}
