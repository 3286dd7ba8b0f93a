package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// Brings the singular values of a matrix near 1 by the quintic Newton-Schulz iteration (Jordan et al. 2024): X ← aX + (bA + cA²)X with A = X Xᵀ,
/// five times from X / ‖X‖.
///
/// The coefficients are chosen for a steep slope at 0, so that the singular values end between about 0.7 and 1.2, not at 1. A matrix with more
/// rows than columns is multiplied from the right instead, by the smaller Gram matrix.
final class NewtonSchulz {
  private static final int ITERATIONS = 5;
  private static final double A = 3.4445;
  private static final double B = -4.7750;
  private static final double C = 2.0315;

  /// As torch.optim.Muon: keeps a gradient of zeros at zero.
  private static final double EPSILON = 1e-7;

  private NewtonSchulz() {}

  /// Elements of scratch beside the matrix itself: one more of it, and two Gram matrices.
  static long workspaceElements(long m, long n) {
    long k = Math.min(m, n);
    return m * n + 2 * k * k;
  }

  /// Replaces `x` [M, N] by its iterate.
  static void orthogonalize(Backend backend, Tensor x) {
    long k = Math.min(x.shape().dim(0), x.shape().dim(1));
    Shape square = Shape.of(k, k);
    double norm = Math.sqrt(backend.squaredNorm(x));
    backend.scale(x, 1 / Math.max(norm, EPSILON));
    try (Tensor other = backend.allocate(x.dtype(), x.shape(), Category.WORKSPACE);
        Tensor gram = backend.allocate(x.dtype(), square, Category.WORKSPACE);
        Tensor polynomial = backend.allocate(x.dtype(), square, Category.WORKSPACE)) {
      Tensor from = x;
      Tensor to = other;
      for (int i = 0; i < ITERATIONS; i++) {
        iterate(backend, from, gram, polynomial, to);
        Tensor last = from;
        from = to;
        to = last;
      }
      if (from != x) {
        backend.copy(from, x);
      }
    }
  }

  private static void iterate(
      Backend backend, Tensor x, Tensor gram, Tensor polynomial, Tensor next) {
    boolean wide = x.shape().dim(0) <= x.shape().dim(1);
    backend.gemm(wide ? Gemm.NT : Gemm.TN, x, x, gram);
    // With G = √c·A, bA + cA² is (b/√c)·G + G²: a product has no factor of its own.
    double root = Math.sqrt(C);
    backend.scale(gram, root);
    backend.copy(gram, polynomial);
    backend.scale(polynomial, B / root);
    backend.gemm(Gemm.NN.accumulating(true), gram, gram, polynomial);
    backend.copy(x, next);
    backend.scale(next, A);
    backend.gemm(Gemm.NN.accumulating(true), wide ? polynomial : x, wide ? x : polynomial, next);
  }
}
