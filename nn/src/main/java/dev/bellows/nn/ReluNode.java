package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// `y = max(x, 0)`; saves `y`, which the next layer saves too.
final class ReluNode extends Node {
  private final Variable x;

  private ReluNode(Variable x, Variable y, SavedTensors.Handle output) {
    super(y, output);
    this.x = x;
  }

  static Variable forward(Tape tape, Variable x) {
    Variable y = tape.outputLike(x);
    tape.backend().relu(x.value(), y.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new ReluNode(x, y, tape.save(y.value().retain())));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    try (Tensor output = fetch(0)) {
      Tensor dx = tape.reuseOrAllocate(dy);
      tape.backend().reluBackward(output, dy, dx);
      tape.contribute(x, dx);
    }
  }
}
