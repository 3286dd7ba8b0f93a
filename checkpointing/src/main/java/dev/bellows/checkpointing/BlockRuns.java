package dev.bellows.checkpointing;

/// Walks the contiguous byte runs that a common block forms in two blocks that both contain it, in row-major order: offsets in both grow.
final class BlockRuns {
  private final Block common;
  private final Block first;
  private final Block second;
  private final int outer;
  private final long bytes;
  private final long[] at;
  private final long[] firstStride;
  private final long[] secondStride;
  private boolean started;

  BlockRuns(Block common, Block first, Block second, int elementBytes) {
    this.common = common;
    this.first = first;
    this.second = second;
    int dim = common.rank();
    long run = elementBytes;
    boolean full = true;
    while (dim > 0 && full) {
      dim--;
      run *= common.extent(dim);
      full = common.extent(dim) == first.extent(dim) && common.extent(dim) == second.extent(dim);
    }
    this.outer = dim;
    this.bytes = run;
    this.at = new long[outer];
    this.firstStride = strides(first, elementBytes);
    this.secondStride = strides(second, elementBytes);
  }

  private static long[] strides(Block block, int elementBytes) {
    long[] strides = new long[block.rank()];
    long stride = elementBytes;
    for (int d = block.rank() - 1; d >= 0; d--) {
      strides[d] = stride;
      stride *= block.extent(d);
    }
    return strides;
  }

  /// Moves to the next run, at first to the first one; false behind the last.
  boolean next() {
    if (!started) {
      started = true;
      return true;
    }
    for (int d = outer - 1; d >= 0; d--) {
      if (++at[d] < common.extent(d)) {
        return true;
      }
      at[d] = 0;
    }
    return false;
  }

  /// Bytes of each run.
  long bytes() {
    return bytes;
  }

  /// Where the run starts in the first block, in bytes.
  long inFirst() {
    return offset(first, firstStride);
  }

  /// Where the run starts in the second block, in bytes.
  long inSecond() {
    return offset(second, secondStride);
  }

  private long offset(Block block, long[] strides) {
    long offset = 0;
    for (int d = 0; d < common.rank(); d++) {
      offset += (common.start(d) - block.start(d) + (d < outer ? at[d] : 0)) * strides[d];
    }
    return offset;
  }
}
