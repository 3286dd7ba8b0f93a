package dev.bellows.parallelism.zero;

import dev.bellows.parallelism.Slices;
import dev.bellows.tensor.Tensor;

/// A run of flat elements of one unit that one collective shares out in rank order, and where it lies: in buffers of the unit, in buffers of the whole
/// model, and each rank's slice of it in the rank's share. Immutable.
final class Region {
  private final Slices slices;
  private final long unitOffset;
  private final long wholeOffset;
  private final long[] shareOffsets;

  /// `shareOffsets`: where the slice of each rank starts in its share.
  Region(Slices slices, long unitOffset, long wholeOffset, long[] shareOffsets) {
    this.slices = slices;
    this.unitOffset = unitOffset;
    this.wholeOffset = wholeOffset;
    this.shareOffsets = shareOffsets.clone();
  }

  Slices slices() {
    return slices;
  }

  long unitOffset() {
    return unitOffset;
  }

  long wholeOffset() {
    return wholeOffset;
  }

  long shareOffset(int rank) {
    return shareOffsets[rank];
  }

  /// The region in a buffer of its unit.
  Tensor inUnit(Tensor unit) {
    return unit.slice(unitOffset, slices.total());
  }

  /// The region in a buffer of the whole model.
  Tensor inWhole(Tensor whole) {
    return whole.slice(wholeOffset, slices.total());
  }

  /// The slice of `rank` in a buffer of the whole model.
  Tensor sliceInWhole(Tensor whole, int rank) {
    return whole.slice(wholeOffset + slices.start(rank), slices.length(rank));
  }

  /// The slice of `rank` in its share.
  Tensor sliceInShare(Tensor share, int rank) {
    return share.slice(shareOffsets[rank], slices.length(rank));
  }

  /// The part of this region from `offset` on, for a unit buffer of its own.
  Region part(long offset, long length) {
    long[] lengths = new long[slices.ranks()];
    long[] starts = new long[slices.ranks()];
    for (int rank = 0; rank < lengths.length; rank++) {
      long start = Math.clamp(slices.start(rank), offset, offset + length);
      long end = Math.clamp(slices.start(rank + 1), offset, offset + length);
      lengths[rank] = end - start;
      starts[rank] = shareOffsets[rank] + (end > start ? start - slices.start(rank) : 0);
    }
    return new Region(Slices.of(lengths), 0, wholeOffset + offset, starts);
  }
}
