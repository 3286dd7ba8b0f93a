package dev.bellows.optimizers;

import dev.bellows.tensor.Shape;
import java.util.Objects;

/// A state tensor that an [UpdateRule] keeps for one parameter; 0 before the first step.
///
/// @param name of the state; checkpoints keep it under this name
/// @param shape of the state, a function of the parameter's shape
public record StateSpec(String name, Shape shape) {
  public StateSpec {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
  }
}
