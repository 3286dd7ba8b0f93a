package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// `y = a + b`; both inputs receive the gradient of the output as it is.
final class AddNode extends Node {
  private final Variable a;
  private final Variable b;

  private AddNode(Variable a, Variable b, Variable y) {
    super(y);
    this.a = a;
    this.b = b;
  }

  static Variable forward(Tape tape, Variable a, Variable b) {
    if (a.layout() != b.layout() || !a.spread().columns().equals(b.spread().columns())) {
      throw new IllegalStateException(
          "a sum takes values that lie alike, but "
              + Exchange.describe(a)
              + " and "
              + Exchange.describe(b));
    }
    Tensor target =
        b.value().storage().isShared() ? tape.reuseOrAllocate(a.value()) : b.value().retain();
    Variable y = tape.variable(target, a.isDifferentiable() || b.isDifferentiable(), a.spread());
    tape.backend().add(a.value(), b.value(), target);
    if (tape.isTraining()) {
      tape.record(new AddNode(a, b, y));
    }
    tape.release(a);
    tape.release(b);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    tape.contribute(b, dy.retain());
    tape.contribute(a, dy.retain());
  }
}
