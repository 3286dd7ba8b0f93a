package dev.bellows.parallelism.zero;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.Unit;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.Reduction;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// What one rank of the data axis holds under ZeRO, and its part in a step.
///
/// A step: [#beginStep]; forward and backward passes of the [#hooked] model over this rank's [#groups], and [#endGroup] after each; [#reduce];
/// [#combineUses]; [#squaredNorm]; the optimizer's update of [#slices]; [#shareValues]. All ranks call alike. Afterwards every value and every optimizer state has the bits
/// that one rank without ZeRO gives. Threads: one at a time, the backend's caller.
///
/// | stage | whole | shared out |
/// |---|---|---|
/// | 1 | values, gradients, partial sums | optimizer state |
/// | 2 | values, gradients of the units that backward is in | also partial sums and gradients |
/// | 3 | values and gradients of the units that a pass is in | also values |
public sealed interface ZeroShare extends AutoCloseable permits StoreShare, UnitShare {
  /// Stage 1 over `store`, which holds whole values and gradients, placed in the order of [ZeroLayout#placement] and split by its sharding, and stays the caller's. `tree` is over the
  /// ranks of `collectives`, the data axis.
  static ZeroShare ofStore(
      Backend backend,
      ParameterStore store,
      ZeroLayout layout,
      BatchTree tree,
      Collectives collectives,
      Reduction reduction) {
    return new StoreShare(backend, store, layout, tree, collectives, reduction);
  }

  /// Stage 2 or 3 for parameters that no store has placed: this share places them. Batches of `groups` groups of `microBatches` micro-batches each.
  static ZeroShare ofUnits(
      int stage,
      Backend backend,
      ZeroLayout layout,
      int groups,
      int microBatches,
      Collectives collectives,
      Precision precision) {
    return new UnitShare(stage, backend, layout, groups, microBatches, collectives, precision);
  }

  /// 1, 2 or 3.
  int stage();

  /// Who owns what.
  ZeroLayout layout();

  /// The groups that this rank computes, in this order: a contiguous range under stage 1, dealt in rounds under 2 and 3 ([GroupDeal]).
  List<Integer> groups();

  /// What this rank owns, in the order in which it lies in [#flatValues] and [#flatGradients].
  List<ZeroSlice> slices();

  /// Flat buffer with the values of what this rank owns. Owned by the share, or its store.
  Tensor flatValues();

  /// Flat buffer with the gradient sums of what this rank owns, complete after [#reduce]. Owned by the share, or its store.
  Tensor flatGradients();

  /// Where `slice` starts in [#flatValues], in elements.
  long valueOffset(ZeroSlice slice);

  /// Where `slice` starts in [#flatGradients], in elements.
  long gradientOffset(ZeroSlice slice);

  /// The values of `slice` [extent]. A restore writes them and calls [#shareValues].
  default Tensor values(ZeroSlice slice) {
    return flatValues().slice(valueOffset(slice), slice.extent());
  }

  /// The gradient sum of `slice` [extent].
  default Tensor gradients(ZeroSlice slice) {
    return flatGradients().slice(gradientOffset(slice), slice.extent());
  }

  /// Draws every parameter's first value from its own stream: the same in every layout.
  void initialise(long seed);

  /// `units`, those of the layout in its order, as this share wants them computed: weights come, gradients go around each unit's passes. For training and
  /// evaluation; all ranks run equally many forward passes, or play along.
  List<Unit> hooked(List<Unit> units);

  /// The same for a whole model.
  Model hooked(Model model);

  /// Before the first pass of a step.
  void beginStep();

  /// All passes of `group` are done. Errors: [IllegalStateException] when it is not this rank's next.
  void endGroup(int group);

  /// Sums over all groups and ranks, in the tree's order, each tied use apart. A rank without a group in the last round plays its part in the others'.
  /// Errors: as [Collectives], and [IllegalStateException] when groups are missing.
  void reduce();

  /// Adds the tied uses' sums to their primaries', in forward order; once a step, behind [#reduce]. Between stages of a pipeline, which hold uses of one
  /// parameter on several ranks, exchange [#useGradients] first.
  void combineUses();

  /// This rank's slice of the sum of one use, primary or tied, before [#combineUses]. Shape: [elements], padding included; empty when it owns none.
  Tensor useGradients(Parameter use);

  /// The squared norm of the gradient sum of each parameter that is `trained`, in the model's order: the same bits on every rank and in every layout.
  Map<Parameter, Double> squaredNorms(Predicate<Parameter> trained);

  /// Their sum, in the model's order.
  default double squaredNorm(Predicate<Parameter> trained) {
    double sum = 0;
    for (double norm : squaredNorms(trained).values()) {
      sum += norm;
    }
    return sum;
  }

  /// Tells the other ranks the values that this rank owns, where values are held whole.
  void shareValues();

  /// Takes part in a forward pass that other ranks run and this one does not.
  void playForward();

  /// Brings all values here, for work that is not cut into units; all ranks call alike. Only stage 3 lacks any.
  void gatherAll();

  /// Gives up what [#gatherAll] brought.
  void releaseAll();

  /// Drops a step that will not be finished; the next one may begin.
  void reset();

  /// Releases what this share holds.
  @Override
  void close();
}
