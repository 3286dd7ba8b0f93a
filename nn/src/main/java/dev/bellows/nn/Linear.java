package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// A linear layer `x wᵀ + bias`.
///
/// @param weight [out, in]
/// @param bias [out]
public record Linear(Parameter weight, Optional<Parameter> bias) {
  /// A layer with the parameters `name.weight` (decayed) and, with an initializer for it, `name.bias` (not decayed).
  public static Linear of(
      String name, int in, int out, Initializer weight, Optional<Initializer> bias) {
    return new Linear(
        Parameter.of(name + ".weight", Shape.of(out, in), weight, true),
        bias.map(initializer -> Parameter.of(name + ".bias", Shape.of(out), initializer, false)));
  }

  /// Records the layer; uses `x` [rows, in] up.
  public Variable apply(Tape tape, Variable x) {
    return tape.linear(x, weight, bias);
  }

  /// The same by [Tape#linearOperand].
  public Variable applyAsOperand(Tape tape, Variable x) {
    return tape.linearOperand(x, weight, bias);
  }

  /// Weight, then bias.
  public List<Parameter> parameters() {
    return Stream.concat(Stream.of(weight), bias.stream()).toList();
  }
}
