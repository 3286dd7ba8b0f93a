package dev.bellows.trainer;

import dev.bellows.checkpointing.Block;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import java.util.ArrayList;
import java.util.List;

/// The blocks of a whole tensor that a run of elements of one rank's shard is: what a checkpoint calls them by. Runs of whole rows of a shard that is cut
/// along a later dim must have one piece.
final class ShardBlocks {
  private final String tensor;
  private final Shard shard;
  private final long[] local;
  private final List<Part> parts = new ArrayList<>();

  /// A block and where it begins in memory.
  ///
  /// @param block in the whole tensor; its elements lie together in the run, row by row
  /// @param offset of its first element in the run
  /// @param copy which of the equal copies on the tensor axis it is, from 0
  record Part(Block block, long offset, int copy) {}

  private ShardBlocks(String tensor, Shard shard) {
    this.tensor = tensor;
    this.shard = shard;
    this.local = shard.localShape().dims();
  }

  /// The blocks of elements `start` to `start + extent` of `shard`, counted row by row in the shard; none when `extent` is 0.
  static List<Part> of(String tensor, Shard shard, long start, long extent) {
    ShardBlocks blocks = new ShardBlocks(tensor, shard);
    if (extent > 0) {
      blocks.add(0, new long[blocks.local.length], start, start + extent, 0);
    }
    return blocks.parts;
  }

  /// Cuts elements `from` to `to` of the sub-tensor at the indices `at` of the dims before `dim` into rows that are not whole, runs of whole rows, and again
  /// rows that are not whole. `offset`: of element `from` in the run.
  private void add(int dim, long[] at, long from, long to, long offset) {
    long row = rowElements(dim);
    long first = Math.ceilDiv(from, row);
    long end = to / row;
    if (first > end) {
      descend(dim, at, first - 1, from, to, offset);
      return;
    }
    if (from < first * row) {
      descend(dim, at, first - 1, from, first * row, offset);
    }
    if (end > first) {
      addRows(dim, at, first, end, offset + first * row - from);
    }
    if (end * row < to) {
      descend(dim, at, end, end * row, to, offset + end * row - from);
    }
  }

  private long rowElements(int dim) {
    long elements = 1;
    for (int d = dim + 1; d < local.length; d++) {
      elements *= local[d];
    }
    return elements;
  }

  private void descend(int dim, long[] at, long index, long from, long to, long offset) {
    long[] inside = at.clone();
    inside[dim] = index;
    long before = index * rowElements(dim);
    add(dim + 1, inside, from - before, to - before, offset);
  }

  /// Rows `first` to `end` of dim `dim`, whole along the later dims.
  private void addRows(int dim, long[] at, long first, long end, long offset) {
    long[] start = at.clone();
    long[] extent = new long[local.length];
    for (int d = 0; d < extent.length; d++) {
      extent[d] = d < dim ? 1 : local[d];
    }
    start[dim] = first;
    extent[dim] = end - first;
    addPieces(start, extent, offset);
  }

  /// Moves a block of the shard to where its pieces lie in the whole tensor.
  private void addPieces(long[] start, long[] extent, long offset) {
    int cut = shard.dim();
    long inner = 1;
    for (int d = cut; d < extent.length; d++) {
      inner *= d == cut ? 1 : extent[d];
    }
    long before = 0;
    long done = 0;
    for (Piece piece : shard.pieces()) {
      long from = Math.max(start[cut], before);
      long to = Math.min(start[cut] + extent[cut], before + piece.extent());
      if (from < to) {
        long[] wholeStart = start.clone();
        long[] wholeExtent = extent.clone();
        wholeStart[cut] = piece.start() + from - before;
        wholeExtent[cut] = to - from;
        parts.add(
            new Part(new Block(tensor, wholeStart, wholeExtent), offset + done, piece.copy()));
        done += (to - from) * inner;
      }
      before += piece.extent();
    }
  }
}
