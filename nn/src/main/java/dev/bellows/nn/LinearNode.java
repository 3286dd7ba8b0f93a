package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.Optional;

/// `y = x wᵀ + bias`.
final class LinearNode extends Node {
  private final Variable x;
  private final Parameter weight;
  private final Optional<Parameter> bias;

  private LinearNode(
      Variable x,
      Parameter weight,
      Optional<Parameter> bias,
      Variable y,
      SavedTensors.Handle input) {
    super(y, input);
    this.x = x;
    this.weight = weight;
    this.bias = bias;
  }

  static Variable forward(Tape tape, Variable x, Parameter weight, Optional<Parameter> bias) {
    Backend backend = tape.backend();
    Variable y = tape.output(x.dtype(), true, x.rows(), weight.shape().dim(0));
    // Evaluation takes the master weights: it is cheap, and no copy has to be fresh.
    Tensor matrix = tape.isTraining() ? weight.operand() : weight.value();
    try (Tensor input = tape.as(matrix.dtype(), x.value())) {
      if (bias.isPresent()) {
        backend.gemmBias(Gemm.NT, input, matrix, bias.get().value(), y.value());
      } else {
        backend.gemm(Gemm.NT, input, matrix, y.value());
      }
      if (tape.isTraining()) {
        Tensor saved = tape.weightGradient().reduceInput(backend, weight, input);
        tape.record(new LinearNode(x, weight, bias, y, tape.save(saved)));
      }
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    bias.ifPresent(
        parameter -> backend.columnSums(dy, parameter.gradient(), !parameter.takeGradientFresh()));
    try (Tensor operand = tape.as(weight.operand().dtype(), dy)) {
      // The weight gradient comes before dx: its input can go before dx is allocated.
      try (Tensor input = fetch(0)) {
        tape.weightGradient()
            .apply(backend, weight, input, operand, weight.gradient(), !weight.takeGradientFresh());
      }
      if (x.isDifferentiable()) {
        Tensor dx =
            backend.allocate(
                dy.dtype(),
                Shape.of(dy.shape().dim(0), weight.shape().dim(1)),
                Category.ACTIVATION);
        backend.gemm(Gemm.NN, operand, weight.operand(), dx);
        tape.contribute(x, dx);
      }
    }
  }
}
