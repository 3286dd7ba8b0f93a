package dev.bellows.parallelism;

import java.util.ArrayList;
import java.util.List;

/// The fixed binary tree over a batch's groups that fixes the order in which gradients are summed.
///
/// Leaves are the groups 0 … groups - 1; an inner node is left + right. Each rank owns a contiguous range of leaves and contributes one
/// *term* per maximal aligned subtree inside its range; [CombinePlan] puts the terms of all ranks together in the tree's order, so the
/// root has the same bits at every world size. When the groups do not divide evenly the first `groups % worldSize` ranks own one more.
/// Immutable.
public final class BatchTree {
  private final int groups;
  private final int worldSize;
  private final CombinePlan plan;

  /// One rank's share of the sum: the subtree over `groups` (a power of two) leaves from `firstGroup` on.
  ///
  /// @param rank the rank that owns all its leaves
  /// @param index position among the rank's terms, from 0
  /// @param firstGroup first leaf, a multiple of `groups`
  /// @param groups number of leaves
  public record Term(int rank, int index, int firstGroup, int groups) {}

  /// A tree over `groups` leaves shared by `worldSize` ranks. Errors: [IllegalArgumentException] unless `groups` is a power of two and at
  /// least `worldSize`.
  public BatchTree(int groups, int worldSize) {
    if (groups < 1 || Integer.bitCount(groups) != 1) {
      throw new IllegalArgumentException(
          "batch.groups is " + groups + " but must be a power of two");
    }
    if (worldSize < 1 || worldSize > groups) {
      throw new IllegalArgumentException(
          worldSize
              + " data-parallel ranks cannot share "
              + groups
              + " batch groups; use 1 to "
              + groups
              + " ranks or raise batch.groups");
    }
    this.groups = groups;
    this.worldSize = worldSize;
    this.plan = makePlan();
  }

  /// Number of leaves.
  public int groups() {
    return groups;
  }

  /// Number of ranks.
  public int worldSize() {
    return worldSize;
  }

  /// First group of `rank`; `firstGroup(worldSize)` is the number of groups.
  public int firstGroup(int rank) {
    return rank * (groups / worldSize) + Math.min(rank, groups % worldSize);
  }

  /// One past the last group of `rank`.
  public int endGroup(int rank) {
    return firstGroup(rank + 1);
  }

  /// The terms of `rank`, left to right: at most 2·log2(groups), one when its range is an aligned power of two.
  public List<Term> terms(int rank) {
    List<Term> terms = new ArrayList<>();
    int end = endGroup(rank);
    for (int group = firstGroup(rank); group < end; ) {
      int size = group == 0 ? groups : Integer.lowestOneBit(group);
      while (group + size > end) {
        size /= 2;
      }
      terms.add(new Term(rank, terms.size(), group, size));
      group += size;
    }
    return terms;
  }

  /// How the terms of all ranks become the root's sum.
  CombinePlan plan() {
    return plan;
  }

  private CombinePlan makePlan() {
    CombinePlan.Builder plan = new CombinePlan.Builder(worldSize);
    List<Integer> sizes = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      for (Term term : terms(rank)) {
        plan.load(rank);
        sizes.add(term.groups());
        int end = term.firstGroup() + term.groups();
        while (sizes.size() > 1
            && sizes.getLast().equals(sizes.get(sizes.size() - 2))
            && end % (2 * sizes.getLast()) == 0) {
          plan.add();
          int size = sizes.removeLast();
          sizes.set(sizes.size() - 1, 2 * size);
        }
      }
    }
    return plan.build();
  }
}
