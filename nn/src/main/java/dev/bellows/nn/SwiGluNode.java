package dev.bellows.nn;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.Tensor;

/// `y = silu(gate) · up` of packed gates and ups; saves them.
final class SwiGluNode extends Node {
  private final Variable x;

  private SwiGluNode(Variable x, Variable y, SavedTensors.Handle input) {
    super(y, input);
    this.x = x;
  }

  static Variable forward(Tape tape, Variable x) {
    Variable y = tape.output(x.dtype(), x.isDifferentiable(), x.rows(), x.width() / 2);
    tape.backend().swiGlu(x.value(), y.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new SwiGluNode(x, y, tape.save(x.value().retain())));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    try (Tensor input = fetch(0)) {
      Tensor dx = tape.backend().allocate(input.dtype(), input.shape(), Category.ACTIVATION);
      tape.backend().swiGluBackward(input, dy, dx);
      tape.contribute(x, dx);
    }
  }
}
