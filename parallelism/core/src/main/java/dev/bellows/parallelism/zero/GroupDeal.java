package dev.bellows.parallelism.zero;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/// Which rank computes which group of a batch when the owners of slices add the groups' gradients: the groups are dealt in rounds, group k · ranks + r to
/// rank r in round k, so that they come to their owners in the order of the batch tree's leaves.
///
/// An owner then needs one binary counter for all ranks, at most log2(groups) partial sums of its slices. With a contiguous range of groups per rank, all
/// ranges would grow at once and each would need a counter of its own: as many partial sums as ranks times slices, that is, nothing saved. Immutable.
///
/// @param groups leaves of the batch tree, a power of two
/// @param ranks ranks of the data axis, at most `groups`
public record GroupDeal(int groups, int ranks) {
  public GroupDeal {
    if (groups < 1 || Integer.bitCount(groups) != 1) {
      throw new IllegalArgumentException(
          "batch.groups is " + groups + " but must be a power of two");
    }
    if (ranks < 1 || ranks > groups) {
      throw new IllegalArgumentException(
          ranks
              + " data-parallel ranks cannot share "
              + groups
              + " batch groups; use 1 to "
              + groups
              + " ranks or raise batch.groups");
    }
  }

  /// What every rank does for a run of a unit's elements in one round: receive the sum of a subtree whose leaves the ranks from `firstRank` on have just
  /// computed, one each, and put it on the stack of partial sums.
  ///
  /// @param firstRank the subtree's first rank
  /// @param count its ranks, a power of two
  /// @param level place in the stack, from 0
  /// @param added whether it is added, on the right, to what lies there; else it becomes a new top
  /// @param folds how often the top is then added to what lies below it
  record Step(int firstRank, int count, int level, boolean added, int folds) {}

  /// Number of rounds; in the last one the ranks behind the end of the batch have no group.
  public int rounds() {
    return Math.ceilDiv(groups, ranks);
  }

  /// The group of `rank` in `round`, if any.
  public OptionalInt group(int round, int rank) {
    int group = round * ranks + rank;
    return group < groups ? OptionalInt.of(group) : OptionalInt.empty();
  }

  /// The groups of `rank`, in the order in which it computes them.
  public List<Integer> groups(int rank) {
    return IntStream.iterate(rank, group -> group < groups, group -> group + ranks)
        .boxed()
        .toList();
  }

  /// Most partial sums of its slices that an owner holds at once, the result among them.
  public int levels() {
    int levels = 0;
    for (List<Step> round : steps()) {
      for (Step step : round) {
        levels = Math.max(levels, step.level() + 1);
      }
    }
    return levels;
  }

  /// The steps of every round. At the end the stack holds the tree's root alone.
  List<List<Step>> steps() {
    List<List<Step>> rounds = new ArrayList<>();
    List<Integer> stack = new ArrayList<>();
    for (int round = 0; round < rounds(); round++) {
      List<Step> steps = new ArrayList<>();
      int first = round * ranks;
      int end = Math.min(groups, first + ranks);
      for (int group = first; group < end; ) {
        int size = subtree(group, end);
        steps.add(step(stack, group - first, size, group + size));
        group += size;
      }
      rounds.add(steps);
    }
    return rounds;
  }

  /// Leaves of the largest subtree that begins with leaf `group` and ends by `end`.
  private int subtree(int group, int end) {
    int size = group == 0 ? groups : Integer.lowestOneBit(group);
    while (group + size > end) {
      size /= 2;
    }
    return size;
  }

  /// The step that takes in a subtree of `size` leaves that ends by leaf `end`; `stack` has the leaves of each partial sum.
  private static Step step(List<Integer> stack, int firstRank, int size, int end) {
    if (!isSibling(stack, stack.size() - 1, size, end)) {
      stack.add(size);
      return new Step(firstRank, size, stack.size() - 1, false, 0);
    }
    int level = stack.size() - 1;
    stack.set(level, 2 * size);
    int folds = 0;
    while (isSibling(stack, stack.size() - 2, stack.getLast(), end)) {
      int top = stack.removeLast();
      stack.set(stack.size() - 1, 2 * top);
      folds++;
    }
    return new Step(firstRank, size, level, true, folds);
  }

  /// Whether the partial sum at `level` is the left sibling of one over `size` leaves that ends by leaf `end`.
  private static boolean isSibling(List<Integer> stack, int level, int size, int end) {
    return level >= 0 && stack.get(level) == size && end % (2 * size) == 0;
  }
}
