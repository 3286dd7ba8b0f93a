package dev.bellows.tensor;

/// The scalars of one Lion step (Chen et al. 2023, algorithm 2): `c = beta1·m + (1 - beta1)·g; p = p·(1 - lr·weightDecay) - lr·sign(c);
/// m = beta2·m + (1 - beta2)·g` with `g = gradientScale · gradient` and sign(0) = sign(NaN) = 0.
///
/// @param learningRate lr, already scheduled
/// @param beta1 share of the momentum in the direction of this step
/// @param beta2 decay of the momentum
/// @param weightDecay decoupled decay
/// @param gradientScale factor on the gradient: clipping, and the inverse of the loss scale
public record LionStep(
    double learningRate, double beta1, double beta2, double weightDecay, double gradientScale) {}
