package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import java.util.List;

/// Root-mean-square normalisation over the width, with epsilon 1e-5 as Llama 2 has it.
///
/// @param gamma factor [width], at first 1
public record RmsNorm(Parameter gamma) {
  private static final double EPSILON = 1e-5;

  /// A layer with the parameter `name.weight`, not decayed.
  public static RmsNorm of(String name, int width) {
    return new RmsNorm(
        Parameter.of(name + ".weight", Shape.of(width), Initializer.constant(1), false));
  }

  /// Records the layer; uses `x` [rows, width] up.
  public Variable apply(Tape tape, Variable x) {
    return tape.rmsNorm(x, gamma, EPSILON);
  }

  /// Gamma.
  public List<Parameter> parameters() {
    return List.of(gamma);
  }
}
