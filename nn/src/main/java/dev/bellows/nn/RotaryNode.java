package dev.bellows.nn;

import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.Tensor;

/// Rotary embedding, in the memory of its input where nobody else reads it. Saves nothing: the gradient is turned back.
final class RotaryNode extends Node {
  private final Rotary spec;
  private final Variable x;

  private RotaryNode(Rotary spec, Variable x, Variable y) {
    super(y);
    this.spec = spec;
    this.x = x;
  }

  static Variable forward(Tape tape, Rotary logical, Variable x) {
    Rotary spec = Heads.own(logical, x);
    Variable y = tape.reuseOrAllocate(x);
    tape.backend().rotary(spec, x.value(), y.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new RotaryNode(spec, x, y));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Tensor dx = tape.reuseOrAllocate(dy);
    tape.backend().rotary(spec.inverted(), dy, dx);
    tape.contribute(x, dx);
  }
}
