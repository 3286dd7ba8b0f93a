package dev.bellows.checkpointing;

import java.util.ArrayList;
import java.util.List;

/// Cuts a tensor into contiguous blocks of bounded size, in row-major order.
final class Tiles {
  private Tiles() {}

  static List<Block> of(LogicalTensor tensor, long bytes) {
    List<Block> tiles = new ArrayList<>();
    if (tensor.shape().elements() == 0) {
      tiles.add(Block.whole(tensor));
    } else {
      cut(
          tensor,
          0,
          tensor.bytes(),
          bytes,
          new long[tensor.shape().rank()],
          tensor.shape().dims(),
          tiles);
    }
    return tiles;
  }

  private static void cut(
      LogicalTensor tensor,
      int dim,
      long size,
      long bytes,
      long[] start,
      long[] extent,
      List<Block> tiles) {
    if (size <= bytes || dim == start.length) {
      tiles.add(new Block(tensor.name(), start, extent));
      return;
    }
    long whole = extent[dim];
    long row = size / whole;
    long step = Math.max(1, bytes / row);
    for (long from = 0; from < whole; from += step) {
      start[dim] = from;
      extent[dim] = Math.min(step, whole - from);
      cut(tensor, dim + 1, row * extent[dim], bytes, start, extent, tiles);
    }
    start[dim] = 0;
    extent[dim] = whole;
  }
}
