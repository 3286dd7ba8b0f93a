package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// A value recorded on a [Tape]. Its memory belongs to the tape.
public final class Variable {
  private final Tensor value;
  private final int id;
  private final boolean differentiable;

  Variable(Tensor value, int id, boolean differentiable) {
    this.value = value;
    this.id = id;
    this.differentiable = differentiable;
  }

  /// The forward value, valid until the tape's backward pass has used it or the tape is closed.
  public Tensor value() {
    return value;
  }

  int id() {
    return id;
  }

  boolean isDifferentiable() {
    return differentiable;
  }
}
