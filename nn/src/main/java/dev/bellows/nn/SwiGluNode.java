package dev.bellows.nn;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// `y = silu(gate) · up` of packed gates and ups; saves them.
final class SwiGluNode extends Node {
  private final Variable x;

  private SwiGluNode(Variable x, Variable y, SavedTensors.Handle input) {
    super(y, input);
    this.x = x;
  }

  static Variable forward(Tape tape, Variable x) {
    Variable y =
        tape.output(
            result(x.spread(), x), x.dtype(), x.isDifferentiable(), x.rows(), x.width() / 2);
    tape.backend().swiGlu(x.value(), y.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new SwiGluNode(x, y, tape.save(x.value().retain())));
    }
    tape.release(x);
    return y;
  }

  /// How the products lie: where the ups lie, if the gates lie there too.
  private static Spread result(Spread spread, Variable x) {
    long half = spread.width() / 2;
    if (!spread.isColumns()) {
      return spread.withWidth(half);
    }
    List<Spread.Run> gates = spread.clip(0, half);
    if (!gates.equals(spread.clip(half, spread.width()))) {
      throw new IllegalStateException(
          "SwiGLU needs the gate of each of its ups, but "
              + Exchange.describe(x)
              + " into "
              + spread.columns()
              + "; its layer should be split by "
              + Split.HALVES);
    }
    return Spread.columns(spread.rows(), half, gates);
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
