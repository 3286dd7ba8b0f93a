package dev.bellows.parallelism;

import dev.bellows.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Sums one term of each of some neighbouring ranks in the order of a full binary tree and leaves to every rank of the group its slice of the sum.
///
/// What a subtree of a [BatchTree] whose leaves lie on neighbouring ranks, one on each, needs. Threads: one at a time.
public final class SubtreeReduce {
  private final Collectives collectives;
  private final Map<Integer, CombinePlan> plans = new HashMap<>();

  /// Sums over ranks of `collectives`, which is borrowed.
  public SubtreeReduce(Collectives collectives) {
    this.collectives = collectives;
  }

  /// Adds the terms of the ranks `firstRank` to `firstRank + count - 1`; all ranks of the group enter. Shapes: `term`, present on those ranks only,
  /// [slices.total()], F32; `out` [length of this rank's slice], which may be this rank's slice of `term`. Errors: as [Collectives], and
  /// [IllegalArgumentException] unless `count` is a power of two and the ranks exist.
  public void run(int firstRank, int count, Optional<Tensor> term, Slices slices, Tensor out) {
    int world = collectives.worldSize();
    if (Integer.bitCount(count) != 1 || firstRank < 0 || firstRank + count > world) {
      throw new IllegalArgumentException(
          count + " ranks from rank " + firstRank + " on are no full subtree of " + world);
    }
    boolean takesPart = collectives.rank() >= firstRank && collectives.rank() < firstRank + count;
    if (takesPart != term.isPresent()) {
      throw new IllegalArgumentException(
          "rank "
              + collectives.rank()
              + (takesPart ? " brings no term" : " brings a term")
              + " to the sum over the ranks "
              + firstRank
              + " to "
              + (firstRank + count - 1));
    }
    CombinePlan plan =
        plans.computeIfAbsent(firstRank * (world + 1) + count, key -> plan(firstRank, count));
    collectives.reduceScatter(plan, term.map(List::of).orElse(List.of()), slices, out);
  }

  private CombinePlan plan(int firstRank, int count) {
    CombinePlan.Builder plan = new CombinePlan.Builder(collectives.worldSize());
    for (int i = 1; i <= count; i++) {
      plan.load(firstRank + i - 1);
      // As a binary counter carries: one addition for each subtree that ends here.
      for (int carried = Integer.numberOfTrailingZeros(i); carried > 0; carried--) {
        plan.add();
      }
    }
    return plan.build();
  }
}
