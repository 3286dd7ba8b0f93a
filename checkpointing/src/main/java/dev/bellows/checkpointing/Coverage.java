package dev.bellows.checkpointing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/// Checks that blocks cover a tensor: a sweep along dim 0 cuts it into slabs in which the set of blocks does not change, and each slab
/// is checked along the next dim. Cost: n log n for blocks that form a grid or rows or columns, however many there are.
final class Coverage {
  private final LogicalTensor tensor;
  private final boolean once;

  private Coverage(LogicalTensor tensor, boolean once) {
    this.tensor = tensor;
    this.once = once;
  }

  /// What is wrong if `blocks`, all within `tensor`, do not cover each of its elements exactly once.
  static Optional<String> exactlyOnce(LogicalTensor tensor, List<Block> blocks) {
    return check(tensor, blocks, true);
  }

  /// What is wrong if `blocks`, all within `tensor`, leave out an element of it.
  static Optional<String> atLeastOnce(LogicalTensor tensor, List<Block> blocks) {
    return check(tensor, blocks, false);
  }

  private static Optional<String> check(LogicalTensor tensor, List<Block> blocks, boolean once) {
    if (tensor.shape().elements() == 0) {
      boolean good = once ? blocks.size() == 1 : !blocks.isEmpty();
      return good
          ? Optional.empty()
          : Optional.of(blocks.size() + " pieces of a tensor without elements; it needs one");
    }
    return new Coverage(tensor, once).sweep(blocks, 0, new long[tensor.shape().rank()]);
  }

  private Optional<String> sweep(List<Block> blocks, int dim, long[] at) {
    if (dim == at.length) {
      return leaf(blocks, at);
    }
    TreeSet<Long> cuts = new TreeSet<>(List.of(0L, tensor.shape().dim(dim)));
    for (Block block : blocks) {
      cuts.add(block.start(dim));
      cuts.add(block.end(dim));
    }
    List<Block> waiting = new ArrayList<>(blocks);
    waiting.sort(Comparator.comparingLong(block -> block.start(dim)));
    List<Block> active = new ArrayList<>();
    int next = 0;
    cuts.remove(tensor.shape().dim(dim));
    for (long cut : cuts) {
      active.removeIf(block -> block.end(dim) <= cut);
      for (; next < waiting.size() && waiting.get(next).start(dim) == cut; next++) {
        active.add(waiting.get(next));
      }
      at[dim] = cut;
      Optional<String> problem =
          active.isEmpty() ? leaf(active, at) : sweep(List.copyOf(active), dim + 1, at);
      if (problem.isPresent()) {
        return problem;
      }
    }
    at[dim] = 0;
    return Optional.empty();
  }

  private Optional<String> leaf(List<Block> blocks, long[] at) {
    if (blocks.isEmpty()) {
      return Optional.of("element " + Arrays.toString(at) + " is in no piece");
    }
    if (once && blocks.size() > 1) {
      return Optional.of(
          "element "
              + Arrays.toString(at)
              + " is in "
              + blocks.size()
              + " pieces, among them "
              + blocks.get(0)
              + " and "
              + blocks.get(1));
    }
    return Optional.empty();
  }
}
