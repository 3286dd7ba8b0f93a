package dev.bellows.checkpointing;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;

/// A tensor as the run sees it, whatever ranks hold of it: what a checkpoint names.
///
/// @param name unique in a checkpoint: 1 to 512 printable ASCII characters without space, `@`, `"` and `\`, not starting with `__`
/// @param dtype element type
/// @param shape full shape, without any padding of a layout
/// @param role what it is to the run: `parameter`, `optimizer`, `buffer` … (lower case)
public record LogicalTensor(String name, DType dtype, Shape shape, String role) {
  /// The role of weights.
  public static final String PARAMETER = "parameter";

  /// The role of moments and other per-parameter state of an update rule.
  public static final String OPTIMIZER = "optimizer";

  public LogicalTensor {
    if (!Format.isTensorName(name)) {
      throw new IllegalArgumentException(
          "'"
              + name
              + "' cannot name a tensor: 1 to 512 printable ASCII characters without space, @, \""
              + " and \\, not starting with __");
    }
    if (!Format.isRole(role)) {
      throw new IllegalArgumentException(
          "'"
              + role
              + "' is no role of tensor "
              + name
              + ": lower-case letters, digits, '.', '_' and '-'");
    }
    Math.multiplyExact(shape.elements(), dtype.bytes());
  }

  /// Bytes of all elements.
  public long bytes() {
    return shape.elements() * dtype.bytes();
  }
}
