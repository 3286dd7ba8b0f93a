package dev.bellows.parallelism.zero;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Unit;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.GradientReducer;
import dev.bellows.parallelism.Reduction;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/// ZeRO-1: whole values, gradients and partial sums; each rank updates its slices.
final class StoreShare implements ZeroShare, UnitHooks {
  private final Backend backend;
  private final ParameterStore store;
  private final ZeroLayout layout;
  private final BatchTree tree;
  private final Collectives collectives;
  private final GradientReducer reducer;
  private final int rank;
  private final List<GradientReducer.Part> parts = new ArrayList<>();
  private boolean accumulating;

  StoreShare(
      Backend backend,
      ParameterStore store,
      ZeroLayout layout,
      BatchTree tree,
      Collectives collectives,
      Reduction reduction) {
    List<Parameter> placed = layout.placement().stream().filter(p -> !p.isTied()).toList();
    if (!placed.equals(store.parameters())) {
      throw new IllegalArgumentException(
          "the store has not placed the parameters in the order of the ZeRO layout");
    }
    this.backend = backend;
    this.store = store;
    this.layout = layout;
    this.tree = tree;
    this.collectives = collectives;
    this.rank = collectives.rank();
    this.reducer = new GradientReducer(backend, store, tree, rank, collectives, reduction);
    for (UnitLayout unit : layout.units()) {
      unit.regions().forEach(this::addPart);
      unit.useRegions().forEach(this::addPart);
    }
  }

  private void addPart(Region region) {
    parts.add(new GradientReducer.Part(region.wholeOffset(), region.slices()));
  }

  @Override
  public int stage() {
    return 1;
  }

  @Override
  public ZeroLayout layout() {
    return layout;
  }

  @Override
  public List<Integer> groups() {
    return IntStream.range(tree.firstGroup(rank), tree.endGroup(rank)).boxed().toList();
  }

  @Override
  public List<ZeroSlice> slices() {
    return layout.slices(rank);
  }

  @Override
  public Tensor flatValues() {
    return store.values();
  }

  @Override
  public Tensor flatGradients() {
    return store.gradients();
  }

  @Override
  public long valueOffset(ZeroSlice slice) {
    return slice.wholeOffset();
  }

  @Override
  public long gradientOffset(ZeroSlice slice) {
    return slice.wholeOffset();
  }

  @Override
  public void initialise(long seed) {
    store.initialise(seed);
  }

  @Override
  public List<Unit> hooked(List<Unit> units) {
    return HookedModel.units(units, this);
  }

  @Override
  public Model hooked(Model model) {
    return new HookedModel(model, this);
  }

  @Override
  public void beforeBackward(int unit) {
    if (!accumulating) {
      store.beginAccumulation();
      accumulating = true;
    }
  }

  @Override
  public void beginStep() {
    store.refreshOperands();
  }

  @Override
  public void endGroup(int group) {
    store.endAccumulation();
    accumulating = false;
    reducer.endGroup(group);
  }

  @Override
  public void reduce() {
    reducer.reduceScatter(parts);
  }

  @Override
  public void combineUses() {
    RegionWork.combineUses(backend, layout, region -> region.sliceInWhole(store.gradients(), rank));
  }

  @Override
  public Tensor useGradients(Parameter use) {
    return layout.gradientRegion(use).sliceInWhole(store.gradients(), rank);
  }

  @Override
  public Map<Parameter, Double> squaredNorms(Predicate<Parameter> trained) {
    return BlockNorm.squaredNorms(backend, collectives, layout, trained, this::gradients);
  }

  @Override
  public void shareValues() {
    RegionWork.gatherWhole(collectives, layout, store.values());
  }

  @Override
  public void playForward() {}

  @Override
  public void gatherAll() {}

  @Override
  public void releaseAll() {}

  @Override
  public void reset() {
    accumulating = false;
    reducer.reset();
  }

  @Override
  public void close() {
    reducer.close();
  }
}
