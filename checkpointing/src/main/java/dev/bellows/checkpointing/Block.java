package dev.bellows.checkpointing;

import java.util.Arrays;
import java.util.Optional;

/// An n-dimensional block of a named logical tensor. Stored, it is a *piece*.
///
/// @param tensor logical name
/// @param start first index along each dim
/// @param extent size along each dim
public record Block(String tensor, long[] start, long[] extent) {
  public Block {
    if (start.length != extent.length) {
      throw new IllegalArgumentException(
          "a block of "
              + tensor
              + " has "
              + start.length
              + " starts and "
              + extent.length
              + " extents; it needs one of each per dim");
    }
    for (int d = 0; d < start.length; d++) {
      if (start[d] < 0 || extent[d] < 0 || start[d] > Long.MAX_VALUE - extent[d]) {
        throw new IllegalArgumentException(
            "start and extent of a block of " + tensor + " must be 0 or more and their sum a long");
      }
    }
    start = start.clone();
    extent = extent.clone();
  }

  /// All of `tensor`.
  public static Block whole(LogicalTensor tensor) {
    return new Block(tensor.name(), new long[tensor.shape().rank()], tensor.shape().dims());
  }

  /// Rows `from` (included) to `to` (excluded) along dim 0 of `tensor`.
  public static Block rows(LogicalTensor tensor, long from, long to) {
    if (tensor.shape().rank() == 0) {
      throw new IllegalArgumentException(tensor.name() + " is a scalar and has no rows");
    }
    long[] start = new long[tensor.shape().rank()];
    long[] extent = tensor.shape().dims();
    start[0] = from;
    extent[0] = to - from;
    return new Block(tensor.name(), start, extent);
  }

  /// Rows `from` (included) to `to` (excluded) of this block along dim 0, counted from its first; of a scalar itself.
  Block part(long from, long to) {
    if (rank() == 0) {
      return this;
    }
    long[] first = start.clone();
    long[] size = extent.clone();
    first[0] += from;
    size[0] = to - from;
    return new Block(tensor, first, size);
  }

  @Override
  public long[] start() {
    return start.clone();
  }

  @Override
  public long[] extent() {
    return extent.clone();
  }

  /// Number of dims.
  public int rank() {
    return start.length;
  }

  /// First index along dim `d`.
  public long start(int d) {
    return start[d];
  }

  /// Size along dim `d`.
  public long extent(int d) {
    return extent[d];
  }

  /// One past the last index along dim `d`.
  public long end(int d) {
    return start[d] + extent[d];
  }

  /// Number of elements.
  public long elements() {
    long product = 1;
    for (long size : extent) {
      product = Math.multiplyExact(product, size);
    }
    return product;
  }

  /// What this block and `other` have in common; both are of one tensor.
  public Optional<Block> intersect(Block other) {
    long[] from = new long[rank()];
    long[] size = new long[rank()];
    for (int d = 0; d < rank(); d++) {
      from[d] = Math.max(start[d], other.start[d]);
      size[d] = Math.min(end(d), other.end(d)) - from[d];
      if (size[d] <= 0) {
        return Optional.empty();
      }
    }
    return Optional.of(new Block(tensor, from, size));
  }

  /// Whether this is all of `tensor`.
  boolean isWhole(LogicalTensor tensor) {
    return Arrays.stream(start).allMatch(s -> s == 0)
        && Arrays.equals(extent, tensor.shape().dims());
  }

  /// Why this cannot be a block of `tensor`, if so.
  Optional<String> misfit(LogicalTensor of) {
    if (rank() != of.shape().rank()) {
      return Optional.of("the block has " + rank() + " dims, the tensor has shape " + of.shape());
    }
    for (int d = 0; d < rank(); d++) {
      if (end(d) > of.shape().dim(d)) {
        return Optional.of("the block " + this + " reaches outside shape " + of.shape());
      }
    }
    if (elements() == 0 && !isWhole(of)) {
      return Optional.of("the block " + this + " is empty");
    }
    return Optional.empty();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Block block
        && tensor.equals(block.tensor)
        && Arrays.equals(start, block.start)
        && Arrays.equals(extent, block.extent);
  }

  @Override
  public int hashCode() {
    return (tensor.hashCode() * 31 + Arrays.hashCode(start)) * 31 + Arrays.hashCode(extent);
  }

  /// `name[2:4, 0:8]`.
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(tensor).append('[');
    for (int d = 0; d < rank(); d++) {
      text.append(d == 0 ? "" : ", ").append(start[d]).append(':').append(end(d));
    }
    return text.append(']').toString();
  }
}
