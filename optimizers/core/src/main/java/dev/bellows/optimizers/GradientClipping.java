package dev.bellows.optimizers;

/// Clipping of gradients by their global norm (Pascanu et al. 2013).
public final class GradientClipping {
  /// Keeps a zero norm from dividing by zero; torch.nn.utils.clip_grad_norm_ has the same.
  private static final double EPSILON = 1e-6;

  private GradientClipping() {}

  /// The factor that brings gradients of norm sqrt(`squaredNorm`) to at most `maxNorm`: maxNorm / (norm + 1e-6), at most 1. It is 0 for
  /// an infinite norm and NaN for a NaN; such gradients must not reach an optimizer.
  public static double scale(double squaredNorm, double maxNorm) {
    Checks.positive("the largest gradient norm", maxNorm);
    if (squaredNorm < 0) {
      throw new IllegalArgumentException("a squared norm cannot be " + squaredNorm);
    }
    return Math.min(1, maxNorm / (Math.sqrt(squaredNorm) + EPSILON));
  }
}
