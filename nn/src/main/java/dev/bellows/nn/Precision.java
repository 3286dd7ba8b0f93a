package dev.bellows.nn;

import dev.bellows.tensor.DType;

/// In which dtype a training step multiplies matrices. Parameters, gradients, optimizer state, activations between layers and every sum stay
/// F32 (Micikevicius et al. 2018).
public enum Precision {
  /// F32 throughout.
  F32(DType.F32),
  /// BF16 operands with F32 sums: both operands of a linear layer's products are rounded to BF16, the input that is kept for backward too.
  BF16(DType.BF16);

  private final DType operands;

  Precision(DType operands) {
    this.operands = operands;
  }

  /// The dtype of the operands of matrix products.
  public DType operands() {
    return operands;
  }
}
