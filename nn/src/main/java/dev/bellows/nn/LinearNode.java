package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.Optional;

/// `y = x wᵀ + bias`, where tensor ranks share the layer each with its part of the weight ([LinearLayout]).
///
/// Rows of other ranks are gathered in the dtype of operands, and again in backward rather than kept (Korthikanti et al. 2022). Sums over ranks are F32.
final class LinearNode extends Node {
  private final Variable x;
  private final Parameter weight;
  private final Optional<Parameter> bias;
  private final LinearLayout layout;

  private LinearNode(
      Variable x,
      Parameter weight,
      Optional<Parameter> bias,
      LinearLayout layout,
      Variable y,
      SavedTensors.Handle input) {
    super(y, input);
    this.x = x;
    this.weight = weight;
    this.bias = bias;
    this.layout = layout;
  }

  /// `operand`: the result is read by other operations as an operand of products, or element by element, so it has their dtype.
  static Variable forward(
      Tape tape, Variable x, Parameter weight, Optional<Parameter> bias, boolean operand) {
    LinearLayout layout = LinearLayout.of(tape.exchange(), x, weight);
    bias.ifPresent(parameter -> tape.exchange().requireOwnRows(parameter, layout.result()));
    // Evaluation takes the master weights: it is cheap, and no copy has to be fresh.
    Tensor matrix = tape.isTraining() ? weight.operand() : weight.value();
    DType dtype = operand ? matrix.dtype() : weight.value().dtype();
    Variable y;
    try (Tensor input = tape.as(matrix.dtype(), x.value());
        Tensor all = gather(tape, layout, input)) {
      y =
          layout.sumsOutput()
              ? sum(tape, all, weight, matrix, bias, dtype, layout)
              : product(tape, all, matrix, bias, dtype, layout);
      if (tape.isTraining()) {
        Tensor saved =
            tape.weightGradient()
                .reduceInput(tape.backend(), weight, gathersAgain(tape, layout) ? input : all);
        tape.record(new LinearNode(x, weight, bias, layout, y, tape.save(saved)));
      }
    }
    tape.release(x);
    return y;
  }

  private static Tensor gather(Tape tape, LinearLayout layout, Tensor input) {
    return layout.gathersInput()
        ? tape.exchange().gatherRows(layout.input(), input)
        : input.retain();
  }

  private static boolean gathersAgain(Tape tape, LinearLayout layout) {
    return layout.gathersInput() && tape.weightGradient().keepsInput();
  }

  private static Variable product(
      Tape tape,
      Tensor input,
      Tensor matrix,
      Optional<Parameter> bias,
      DType dtype,
      LinearLayout layout) {
    Variable y =
        tape.output(layout.result(), dtype, true, input.shape().dim(0), matrix.shape().dim(0));
    multiply(tape.backend(), input, matrix, bias, y.value());
    return y;
  }

  private static void multiply(
      Backend backend, Tensor input, Tensor matrix, Optional<Parameter> bias, Tensor y) {
    if (bias.isPresent()) {
      backend.gemmBias(Gemm.NT, input, matrix, bias.get().value(), y);
    } else {
      backend.gemm(Gemm.NT, input, matrix, y);
    }
  }

  private static Variable sum(
      Tape tape,
      Tensor input,
      Parameter weight,
      Tensor matrix,
      Optional<Parameter> bias,
      DType dtype,
      LinearLayout layout) {
    Shape shape = Shape.of(input.shape().dim(0), matrix.shape().dim(0));
    Tensor part = tape.backend().allocate(weight.value().dtype(), shape, Category.ACTIVATION);
    // The bias is a part of the sum too: the first rank's.
    multiply(
        tape.backend(),
        input,
        matrix,
        tape.exchange().group().rank() == 0 ? bias : Optional.empty(),
        part);
    try (Tensor sum = tape.exchange().sum(layout.result(), part)) {
      return tape.variable(tape.as(dtype, sum), true, layout.result());
    }
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    bias.ifPresent(
        parameter -> backend.columnSums(dy, parameter.gradient(), !parameter.takeGradientFresh()));
    try (Tensor mine = tape.as(weight.operand().dtype(), dy);
        Tensor operand =
            layout.sumsOutput()
                ? tape.exchange().gatherRows(layout.result(), mine)
                : mine.retain()) {
      // The weight gradient comes before dx: its input can go before dx is allocated.
      try (Tensor kept = fetch(0);
          Tensor input = gathersAgain(tape, layout) ? gather(tape, layout, kept) : kept.retain()) {
        tape.weightGradient()
            .apply(backend, weight, input, operand, weight.gradient(), !weight.takeGradientFresh());
      }
      if (x.isDifferentiable()) {
        tape.contribute(x, inputGradient(tape, operand));
      }
    }
  }

  private Tensor inputGradient(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    DType dtype = layout.sumsInputGradient() ? weight.value().dtype() : x.dtype();
    Shape shape = Shape.of(dy.shape().dim(0), weight.operand().shape().dim(1));
    Tensor dx = backend.allocate(dtype, shape, Category.ACTIVATION);
    backend.gemm(Gemm.NN, dy, weight.operand(), dx);
    if (!layout.sumsInputGradient()) {
      return dx;
    }
    try (Tensor sum = tape.exchange().sum(layout.input(), dx)) {
      return tape.as(x.dtype(), sum);
    }
  }
}
