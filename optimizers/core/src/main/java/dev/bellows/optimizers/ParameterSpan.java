package dev.bellows.optimizers;

import dev.bellows.tensor.Shape;
import java.util.Objects;

/// Where a parameter lies in the flat buffers.
///
/// @param name dotted path inside the model
/// @param shape logical shape
/// @param offset start in the flat buffers, in elements
/// @param decayed whether weight decay applies
public record ParameterSpan(String name, Shape shape, long offset, boolean decayed) {
  public ParameterSpan {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
    if (offset < 0) {
      throw new IllegalArgumentException(
          "parameter " + name + " starts at element " + offset + "; an offset is 0 or more");
    }
  }

  /// The element behind the last, in the flat buffers.
  public long end() {
    return offset + shape.elements();
  }
}
