package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Layer normalisation over the width, with epsilon 1e-5 as GPT-2 has it.
///
/// @param gamma factor [width], at first 1
/// @param beta shift [width], at first 0
public record LayerNorm(Parameter gamma, Optional<Parameter> beta) {
  private static final double EPSILON = 1e-5;

  /// A layer with the parameters `name.weight` and, with `bias`, `name.bias`, neither decayed.
  public static LayerNorm of(String name, int width, boolean bias) {
    return new LayerNorm(
        Parameter.of(name + ".weight", Shape.of(width), Initializer.constant(1), false),
        bias
            ? Optional.of(
                Parameter.of(name + ".bias", Shape.of(width), Initializer.constant(0), false))
            : Optional.empty());
  }

  /// Records the layer; uses `x` [rows, width] up.
  public Variable apply(Tape tape, Variable x) {
    return tape.layerNorm(x, gamma, beta, EPSILON);
  }

  /// Gamma, then beta.
  public List<Parameter> parameters() {
    return Stream.concat(Stream.of(gamma), beta.stream()).toList();
  }
}
