package dev.bellows.parallelism;

import java.util.Arrays;

/// How the elements of a tensor are dealt to the ranks of a group: one contiguous slice per rank, in rank order, any of them empty.
/// Immutable.
public final class Slices {
  private final long[] starts;

  private Slices(long[] starts) {
    this.starts = starts;
  }

  /// Slices of these lengths, in elements and by rank. Errors: [IllegalArgumentException] for a negative length or none at all.
  public static Slices of(long... lengths) {
    if (lengths.length == 0) {
      throw new IllegalArgumentException("slices need at least one rank");
    }
    long[] starts = new long[lengths.length + 1];
    for (int rank = 0; rank < lengths.length; rank++) {
      if (lengths[rank] < 0) {
        throw new IllegalArgumentException(
            "the slice of rank " + rank + " has " + lengths[rank] + " elements");
      }
      starts[rank + 1] = Math.addExact(starts[rank], lengths[rank]);
    }
    return new Slices(starts);
  }

  /// `elements` dealt as evenly as possible: the first `elements % ranks` ranks get one more.
  public static Slices even(long elements, int ranks) {
    if (ranks < 1) {
      throw new IllegalArgumentException("slices need at least one rank, not " + ranks);
    }
    long[] lengths = new long[ranks];
    Arrays.fill(lengths, elements / ranks);
    for (int rank = 0; rank < elements % ranks; rank++) {
      lengths[rank]++;
    }
    return of(lengths);
  }

  /// Number of ranks.
  public int ranks() {
    return starts.length - 1;
  }

  /// First element of `rank`; `start(ranks())` is the total.
  public long start(int rank) {
    return starts[rank];
  }

  /// Number of elements of `rank`.
  public long length(int rank) {
    return starts[rank + 1] - starts[rank];
  }

  /// Number of elements of all ranks.
  public long total() {
    return starts[starts.length - 1];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Slices slices && Arrays.equals(starts, slices.starts);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(starts);
  }

  /// The lengths by rank.
  @Override
  public String toString() {
    long[] lengths = new long[ranks()];
    Arrays.setAll(lengths, this::length);
    return Arrays.toString(lengths);
  }
}
