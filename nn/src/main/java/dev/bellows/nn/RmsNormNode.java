package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// Root-mean-square normalisation; saves its input and a number a row.
final class RmsNormNode extends Node {
  private final Variable x;
  private final Parameter gamma;

  private RmsNormNode(Variable x, Parameter gamma, Variable y, SavedTensors.Handle... saved) {
    super(y, saved);
    this.x = x;
    this.gamma = gamma;
  }

  static Variable forward(Tape tape, Variable x, Parameter gamma, double epsilon) {
    tape.exchange().requireAllColumns("root-mean-square normalisation", x);
    tape.exchange().requireOwnRows(gamma, x.spread());
    Variable y = tape.output(x.spread(), x.dtype(), true, x.rows(), x.width());
    Variable inverseRms = tape.output(x.dtype(), false, x.rows());
    tape.backend().rmsNorm(x.value(), gamma.value(), epsilon, y.value(), inverseRms.value());
    if (tape.isTraining()) {
      SavedTensors.Handle input = tape.save(x.value().retain());
      SavedTensors.Handle inverse = tape.save(inverseRms.take());
      tape.record(new RmsNormNode(x, gamma, y, input, inverse));
    } else {
      tape.release(inverseRms);
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    try (Tensor input = fetch(0);
        Tensor inverseRms = fetch(1)) {
      Tensor dx = tape.reuseOrAllocate(dy);
      tape.backend()
          .rmsNormBackward(
              input,
              gamma.value(),
              inverseRms,
              dy,
              dx,
              gamma.gradient(),
              !gamma.takeGradientFresh());
      tape.contribute(x, dx);
    }
  }
}
