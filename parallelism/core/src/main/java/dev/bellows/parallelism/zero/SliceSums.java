package dev.bellows.parallelism.zero;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.SubtreeReduce;
import dev.bellows.parallelism.zero.GroupDeal.Step;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Sums the groups' gradients of the slices that this rank owns, in the batch tree's order: the binary counter of [GroupDeal]. Owns its buffers, one of
/// the share's size for each level, until [#close]. Threads: one at a time.
final class SliceSums implements AutoCloseable {
  private final Backend backend;
  private final SubtreeReduce reduce;
  private final int rank;
  private final List<Tensor> levels = new ArrayList<>();

  SliceSums(Backend backend, Collectives collectives, ZeroLayout layout, GroupDeal deal) {
    this.backend = backend;
    this.reduce = new SubtreeReduce(collectives);
    this.rank = collectives.rank();
    Shape shape = Shape.of(layout.gradientElements(rank));
    for (int level = 0; level < deal.levels(); level++) {
      levels.add(backend.allocate(DType.F32, shape, Category.GRADIENT));
      backend.fill(levels.getLast(), 0);
    }
  }

  /// The sum over the batch, once all rounds are in.
  Tensor total() {
    return levels.getFirst();
  }

  /// Takes in one round of `region`; all ranks call alike. `unit`: the unit's gradients, the sum of this rank's group, if it has one in this round.
  void add(List<Step> round, Region region, Optional<Tensor> unit) {
    Optional<Tensor> own = unit.map(region::inUnit);
    for (Step step : round) {
      boolean takesPart = rank >= step.firstRank() && rank < step.firstRank() + step.count();
      add(step, region, takesPart ? own : Optional.empty());
    }
  }

  private void add(Step step, Region region, Optional<Tensor> term) {
    Tensor sum = region.sliceInShare(levels.get(step.level()), rank);
    if (!step.added()) {
      reduce.run(step.firstRank(), step.count(), term, region.slices(), sum);
      return;
    }
    try (Tensor incoming = backend.allocate(DType.F32, sum.shape(), Category.GRADIENT)) {
      reduce.run(step.firstRank(), step.count(), term, region.slices(), incoming);
      addTo(sum, incoming);
    }
    for (int level = step.level(); level > step.level() - step.folds(); level--) {
      addTo(
          region.sliceInShare(levels.get(level - 1), rank),
          region.sliceInShare(levels.get(level), rank));
    }
  }

  private void addTo(Tensor left, Tensor right) {
    if (left.elements() > 0) {
      backend.add(left, right, left);
    }
  }

  @Override
  public void close() {
    levels.forEach(Tensor::release);
    levels.clear();
  }
}
