package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// 2-D convolution; saves its input.
final class ConvolutionNode extends Node {
  private final Convolution spec;
  private final Variable x;
  private final Parameter weight;
  private final Parameter bias;

  private ConvolutionNode(
      Convolution spec,
      Variable x,
      Parameter weight,
      Parameter bias,
      Variable y,
      SavedTensors.Handle input) {
    super(y, input);
    this.spec = spec;
    this.x = x;
    this.weight = weight;
    this.bias = bias;
  }

  static Variable forward(
      Tape tape, Convolution spec, Variable x, Parameter weight, Parameter bias) {
    tape.exchange().requireWhole("a convolution", x);
    Variable y = tape.output(x.dtype(), true, x.rows(), spec.outElements());
    tape.backend().convolution(spec, x.value(), weight.value(), bias.value(), y.value());
    if (tape.isTraining()) {
      tape.record(new ConvolutionNode(spec, x, weight, bias, y, tape.save(x.value().retain())));
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    // The parameters' gradients come first: the input can go before dx is allocated.
    try (Tensor input = fetch(0)) {
      backend.convolutionWeightGradient(
          spec, input, dy, weight.gradient(), bias.gradient(), takeAccumulation(backend));
    }
    if (x.isDifferentiable()) {
      Tensor dx =
          backend.allocate(
              dy.dtype(), Shape.of(dy.shape().dim(0), spec.inElements()), Category.ACTIVATION);
      backend.convolutionInputGradient(spec, weight.value(), dy, dx);
      tape.contribute(x, dx);
    }
  }

  /// Whether both gradients are added to. The backend knows one answer for both, so a fresh gradient beside a running sum starts at zero.
  private boolean takeAccumulation(Backend backend) {
    boolean weightFresh = weight.takeGradientFresh();
    boolean biasFresh = bias.takeGradientFresh();
    if (weightFresh && !biasFresh) {
      backend.fill(weight.gradient(), 0);
    }
    if (biasFresh && !weightFresh) {
      backend.fill(bias.gradient(), 0);
    }
    return !(weightFresh && biasFresh);
  }
}
