package dev.bellows.nn;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;

/// A value recorded on a [Tape], good for one use.
///
/// The operation that takes a variable as input uses it up, so the tape knows at once when nobody needs the value any more; a value that
/// is needed twice is forked first ([Tape#fork]). Its memory belongs to the tape. Threads: the tape's.
public final class Variable {
  private final Tensor value;
  private final int slot;
  private final boolean differentiable;
  private final Spread spread;
  private boolean used;

  Variable(Tensor value, int slot, boolean differentiable, Spread spread) {
    this.value = value;
    this.slot = slot;
    this.differentiable = differentiable;
    this.spread = spread;
  }

  /// The forward value, or this rank's part of it, valid until an operation has used this variable or the tape is closed. Errors: [IllegalStateException] when it
  /// was used already.
  public Tensor value() {
    if (used) {
      throw new IllegalStateException(
          "a value of shape " + value.shape() + " was used already; fork it before its first use");
    }
    return value;
  }

  /// How the value lies on the tensor ranks; its gradient lies likewise.
  public Layout layout() {
    return spread.layout();
  }

  /// Rows of all tensor ranks together.
  public long logicalRows() {
    return spread.rows();
  }

  /// How the value lies on the tensor ranks, with its logical size.
  public Spread spread() {
    return spread;
  }

  long rows() {
    return value.shape().dim(0);
  }

  long width() {
    return value.shape().dim(-1);
  }

  DType dtype() {
    return value.dtype();
  }

  /// Where the tape sums the gradient of this value; forks share it.
  int slot() {
    return slot;
  }

  boolean isDifferentiable() {
    return differentiable;
  }

  boolean isUsed() {
    return used;
  }

  /// Marks this variable as used and passes its ownership of the value to the caller.
  Tensor take() {
    Tensor taken = value();
    used = true;
    return taken;
  }
}
