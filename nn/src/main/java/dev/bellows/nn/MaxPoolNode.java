package dev.bellows.nn;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// Max pooling; saves where each output element came from.
final class MaxPoolNode extends Node {
  private final Pooling spec;
  private final Variable x;

  private MaxPoolNode(Pooling spec, Variable x, Variable y, SavedTensors.Handle places) {
    super(y, places);
    this.spec = spec;
    this.x = x;
  }

  static Variable forward(Tape tape, Pooling spec, Variable x) {
    tape.exchange().requireWhole("max pooling", x);
    Variable y = tape.output(x.dtype(), x.isDifferentiable(), x.rows(), spec.outElements());
    Variable places = tape.output(DType.I32, false, x.rows(), spec.outElements());
    tape.backend().maxPool(spec, x.value(), y.value(), places.value());
    if (tape.isTraining() && x.isDifferentiable()) {
      tape.record(new MaxPoolNode(spec, x, y, tape.save(places.take())));
    } else {
      tape.release(places);
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    try (Tensor places = fetch(0)) {
      Tensor dx =
          tape.backend()
              .allocate(
                  dy.dtype(), Shape.of(dy.shape().dim(0), spec.inElements()), Category.ACTIVATION);
      tape.backend().maxPoolBackward(spec, places, dy, dx);
      tape.contribute(x, dx);
    }
  }
}
