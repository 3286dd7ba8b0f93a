package dev.bellows.parallelism;

import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Sums the gradients of a batch's groups: first over this rank's groups, like a binary counter, then over all ranks.
///
/// Call [#endGroup] for each group of this rank in order, then [#reduce] or [#reduceScatter]; then the next step may begin. Partial sums wait in at most
/// log2(own groups) + 1 buffers of the store's size; a rank with one group needs none and nothing is copied. Threads: one at a time.
public final class GradientReducer implements AutoCloseable {
  private final Backend backend;
  private final ParameterStore store;
  private final BatchTree tree;
  private final int rank;
  private final Collectives collectives;
  private final Reduction mode;
  private final CombinePlan plan;
  private final List<Partial> partials = new ArrayList<>();
  private int nextGroup;

  /// A sum over `groups` groups that waits for its sibling.
  private record Partial(Tensor sum, int groups) {}

  /// A run of the store's flat gradients that is shared out among the ranks.
  ///
  /// @param offset its first element
  /// @param slices what each rank gets of it
  public record Part(long offset, Slices slices) {}

  /// A reducer for the gradients of `store`. Errors: [IllegalArgumentException] when tree, rank and collectives do not belong together.
  public GradientReducer(
      Backend backend,
      ParameterStore store,
      BatchTree tree,
      int rank,
      Collectives collectives,
      Reduction mode) {
    if (tree.worldSize() != collectives.worldSize() || rank != collectives.rank()) {
      throw new IllegalArgumentException(
          "rank "
              + rank
              + " of a tree for "
              + tree.worldSize()
              + " ranks was given the collectives of rank "
              + collectives.rank()
              + " of "
              + collectives.worldSize());
    }
    this.backend = backend;
    this.store = store;
    this.tree = tree;
    this.rank = rank;
    this.collectives = collectives;
    this.mode = mode;
    this.plan =
        switch (mode) {
          case TREE -> tree.plan();
          case RANK_ORDER -> CombinePlan.rankOrder(tree.worldSize());
        };
    this.nextGroup = tree.firstGroup(rank);
  }

  /// Folds the store's gradients, the sum of `group`, into this rank's partial sums. Until the rank's last group the store's gradients are
  /// free to be overwritten afterwards; those of the last group stay there for [#reduce]. Errors: [IllegalStateException] when groups come
  /// out of order.
  public void endGroup(int group) {
    if (group != nextGroup || group >= tree.endGroup(rank)) {
      throw new IllegalStateException(
          "rank "
              + rank
              + " ended group "
              + group
              + " but owns groups "
              + tree.firstGroup(rank)
              + " to "
              + (tree.endGroup(rank) - 1)
              + " and expects "
              + (nextGroup < tree.endGroup(rank) ? "group " + nextGroup : "reduce()"));
    }
    nextGroup++;
    boolean last = nextGroup == tree.endGroup(rank);
    Tensor sum = store.gradients();
    int groups = 1;
    while (isSibling(groups)) {
      Partial left = partials.removeLast();
      // The sum goes where it can stay: into the left buffer, or on the last group into the
      // store's.
      Tensor target = last ? store.gradients() : left.sum();
      backend.add(left.sum(), sum, target);
      groups += left.groups();
      Tensor spare = target == left.sum() ? sum : left.sum();
      if (spare != store.gradients()) {
        spare.release();
      }
      sum = target;
    }
    if (!last) {
      partials.add(new Partial(sum == store.gradients() ? saved(sum) : sum, groups));
    }
  }

  /// Whether the topmost partial sum is the left sibling of the sum over the `groups` groups that end before `nextGroup`.
  private boolean isSibling(int groups) {
    if (partials.isEmpty()) {
      return false;
    }
    return mode == Reduction.RANK_ORDER
        || partials.getLast().groups() == groups && nextGroup % (2 * groups) == 0;
  }

  private Tensor saved(Tensor sum) {
    Tensor copy = backend.allocate(sum.dtype(), sum.shape(), Category.GRADIENT);
    backend.copy(sum, copy);
    return copy;
  }

  /// Sums over all ranks: afterwards the store's gradients hold the sum of the batch on every rank. Errors: as [Collectives], and
  /// [IllegalStateException] when groups are missing.
  public void reduce() {
    List<Tensor> terms = terms();
    collectives.allReduce(plan, terms, store.gradients());
    reset();
  }

  /// Sums over all ranks, each its own slices: afterwards this rank's slice of each of `parts` holds the sum of the batch in the store's gradients, with
  /// the bits of [#reduce]; all else there is undefined. Errors: as [#reduce].
  public void reduceScatter(List<Part> parts) {
    List<Tensor> terms = terms();
    for (Part part : parts) {
      Slices slices = part.slices();
      List<Tensor> own =
          terms.stream().map(term -> term.slice(part.offset(), slices.total())).toList();
      Tensor slice =
          store.gradients().slice(part.offset() + slices.start(rank), slices.length(rank));
      collectives.reduceScatter(plan, own, slices, slice);
    }
    reset();
  }

  private List<Tensor> terms() {
    if (nextGroup != tree.endGroup(rank)) {
      throw new IllegalStateException(
          "rank " + rank + " has not ended group " + nextGroup + " yet");
    }
    List<Tensor> terms = new ArrayList<>();
    partials.forEach(partial -> terms.add(partial.sum()));
    terms.add(store.gradients());
    return terms;
  }

  /// Drops the partial sums of a step that will not be finished; the next step may begin.
  public void reset() {
    partials.forEach(partial -> partial.sum().release());
    partials.clear();
    nextGroup = tree.firstGroup(rank);
  }

  /// Releases the partial sums.
  @Override
  public void close() {
    reset();
  }
}
