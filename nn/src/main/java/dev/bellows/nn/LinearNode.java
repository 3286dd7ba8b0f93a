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
    if (bias.isPresent()) {
      backend.gemmBias(Gemm.NT, x.value(), weight.value(), bias.get().value(), y.value());
    } else {
      backend.gemm(Gemm.NT, x.value(), weight.value(), y.value());
    }
    if (tape.isTraining()) {
      Tensor input = tape.weightGradient().reduceInput(backend, weight, x.value());
      tape.record(new LinearNode(x, weight, bias, y, tape.save(input)));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    // The weight gradient comes first: its input can go before dx is allocated.
    try (Tensor input = fetch(0)) {
      tape.weightGradient()
          .apply(backend, weight, input, dy, weight.gradient(), !weight.takeGradientFresh());
    }
    bias.ifPresent(
        parameter -> backend.columnSums(dy, parameter.gradient(), !parameter.takeGradientFresh()));
    if (x.isDifferentiable()) {
      Tensor dx =
          backend.allocate(
              dy.dtype(), Shape.of(dy.shape().dim(0), weight.shape().dim(1)), Category.ACTIVATION);
      backend.gemm(Gemm.NN, dy, weight.value(), dx);
      tape.contribute(x, dx);
    }
  }
}
