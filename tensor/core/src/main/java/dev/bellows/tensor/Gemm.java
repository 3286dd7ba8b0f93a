package dev.bellows.tensor;

/// How a matrix product reads its operands and writes its result.
///
/// @param transposeA `a` is stored [K, M] and read transposed
/// @param transposeB `b` is stored [N, K] and read transposed
/// @param accumulate the product is added to what `c` holds
public record Gemm(boolean transposeA, boolean transposeB, boolean accumulate) {
  /// `c = a b`.
  public static final Gemm NN = new Gemm(false, false, false);

  /// `c = a bᵀ`, a linear layer's forward pass with weights stored [out, in].
  public static final Gemm NT = new Gemm(false, true, false);

  /// `c = aᵀ b`, a weight gradient.
  public static final Gemm TN = new Gemm(true, false, false);

  /// The same product, accumulated when `accumulate`.
  public Gemm accumulating(boolean accumulate) {
    return new Gemm(transposeA, transposeB, accumulate);
  }
}
