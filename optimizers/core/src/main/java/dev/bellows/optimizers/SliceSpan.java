package dev.bellows.optimizers;

import dev.bellows.tensor.Shape;
import java.util.Objects;

/// Where a run of one parameter's elements lies in the flat buffers of a rank that holds no more of it.
///
/// @param name dotted path of the parameter inside the model
/// @param shape logical shape of the whole parameter
/// @param start first element of the run, counted in the parameter
/// @param extent number of elements
/// @param valueOffset start of the run in the flat values, in elements
/// @param gradientOffset start of the run in the flat gradients, in elements
/// @param decayed whether weight decay applies
public record SliceSpan(
    String name,
    Shape shape,
    long start,
    long extent,
    long valueOffset,
    long gradientOffset,
    boolean decayed) {
  public SliceSpan {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(shape, "shape");
    if (start < 0 || extent < 0 || start + extent > shape.elements()) {
      throw new IllegalArgumentException(
          "elements "
              + start
              + " to "
              + (start + extent)
              + " are no run of parameter "
              + name
              + " of "
              + shape.elements()
              + " elements");
    }
    if (valueOffset < 0 || gradientOffset < 0) {
      throw new IllegalArgumentException(
          "parameter "
              + name
              + " starts at element "
              + Math.min(valueOffset, gradientOffset)
              + "; an offset is 0 or more");
    }
  }

  /// The whole parameter of `span`.
  public static SliceSpan of(ParameterSpan span) {
    return new SliceSpan(
        span.name(),
        span.shape(),
        0,
        span.shape().elements(),
        span.offset(),
        span.offset(),
        span.decayed());
  }

  /// Whether the run is the whole parameter.
  public boolean isWhole() {
    return start == 0 && extent == shape.elements();
  }

  /// The dims under which the run is seen: those of the parameter when it is whole, else one.
  long[] dims() {
    return isWhole() ? shape.dims() : new long[] {extent};
  }

  long valueEnd() {
    return valueOffset + extent;
  }

  long gradientEnd() {
    return gradientOffset + extent;
  }
}
