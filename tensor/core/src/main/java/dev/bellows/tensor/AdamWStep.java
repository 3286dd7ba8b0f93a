package dev.bellows.tensor;

/// The scalars of one AdamW step (Loshchilov and Hutter 2019, algorithm 2, decoupled decay), as libtorch orders them:
/// `p *= 1 - lr·weightDecay; m = beta1·m + (1 - beta1)·g; v = beta2·v + (1 - beta2)·g²;
/// p -= lr / (1 - beta1^t) · m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)` with `g = gradientScale · gradient`.
///
/// @param learningRate lr, already scheduled
/// @param beta1 decay of the first moment
/// @param beta2 decay of the second moment
/// @param epsilon added to the denominator
/// @param weightDecay decoupled decay
/// @param gradientScale factor on the gradient: clipping, and the inverse of the loss scale
/// @param step t, counted from 1
public record AdamWStep(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    double weightDecay,
    double gradientScale,
    long step) {
  public AdamWStep {
    if (step < 1) {
      throw new IllegalArgumentException("AdamW counts its steps from 1, not " + step);
    }
  }
}
