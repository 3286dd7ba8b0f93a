package dev.bellows.tensor;

import java.util.Arrays;

/// The dims of a tensor, outermost first. Immutable; rank 0 is a scalar.
public final class Shape {
  private final long[] dims;
  private final long elements;

  private Shape(long[] dims) {
    this.dims = dims;
    this.elements = product(dims);
  }

  private static long product(long[] dims) {
    long product = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("a dim is negative in " + Arrays.toString(dims));
      }
      if (Math.multiplyHigh(product, dim) != 0 || product * dim < 0) {
        throw new IllegalArgumentException(
            "the dims " + Arrays.toString(dims) + " multiply to more than a long holds");
      }
      product *= dim;
    }
    return product;
  }

  /// A shape of these dims; each is 0 or more and their product fits a long.
  public static Shape of(long... dims) {
    return new Shape(dims.clone());
  }

  /// Number of dims.
  public int rank() {
    return dims.length;
  }

  /// Size of dim `index`; a negative index counts from the end.
  public long dim(int index) {
    return dims[index < 0 ? dims.length + index : index];
  }

  /// Product of the dims.
  public long elements() {
    return elements;
  }

  /// A copy of the dims.
  public long[] dims() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}
