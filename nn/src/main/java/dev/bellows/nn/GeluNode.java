package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// `y = gelu(x)`.
final class GeluNode extends Node {
  private final Variable x;

  private GeluNode(Variable x, Variable y, SavedTensors.Handle input) {
    super(y, input);
    this.x = x;
  }

  static Variable forward(Tape tape, Variable x) {
    Variable y = tape.outputLike(x);
    tape.backend().gelu(x.value(), y.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new GeluNode(x, y, tape.save(x.value().retain())));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    try (Tensor input = fetch(0)) {
      Tensor dx = tape.reuseOrAllocate(dy);
      tape.backend().geluBackward(input, dy, dx);
      tape.contribute(x, dx);
    }
  }
}
