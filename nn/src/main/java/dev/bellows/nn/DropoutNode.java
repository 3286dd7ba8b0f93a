package dev.bellows.nn;

import dev.bellows.tensor.Dropout;
import dev.bellows.tensor.Tensor;

/// Dropout, in the memory of its input where nobody else reads it. Saves nothing: backward draws the same numbers again.
final class DropoutNode extends Node {
  private final Dropout spec;
  private final Variable x;

  private DropoutNode(Dropout spec, Variable x, Variable y) {
    super(y);
    this.spec = spec;
    this.x = x;
  }

  static Variable forward(Tape tape, Dropout spec, Variable x) {
    Variable y = tape.reuseOrAllocate(x);
    tape.backend().dropout(spec, x.value(), y.value());
    if (x.isDifferentiable()) {
      tape.record(new DropoutNode(spec, x, y));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Tensor dx = tape.reuseOrAllocate(dy);
    tape.backend().dropout(spec, dy, dx);
    tape.contribute(x, dx);
  }
}
