package dev.bellows.parallelism.zero;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterBinding;
import dev.bellows.nn.Precision;
import dev.bellows.nn.Unit;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.zero.GroupDeal.Step;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;

/// ZeRO-2 and ZeRO-3: gradients leave for their owners unit by unit as backward passes; under ZeRO-3 values come unit by unit too.
final class UnitShare implements ZeroShare, UnitHooks {
  private final int stage;
  private final Backend backend;
  private final ZeroLayout layout;
  private final int microBatches;
  private final Collectives collectives;
  private final int rank;
  private final GroupDeal deal;
  private final List<List<Step>> rounds;
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  private final SliceSums sums;
  private final UnitGradients gradients;
  private final Tensor values;
  private final Optional<Tensor> operands;
  private final Optional<UnitValues> unitValues;
  private final int[] passes;
  private int round;
  private int unitsDone;

  UnitShare(
      int stage,
      Backend backend,
      ZeroLayout layout,
      int groups,
      int microBatches,
      Collectives collectives,
      Precision precision) {
    if (stage < 2 || stage > 3 || layout.ranks() != collectives.worldSize() || microBatches < 1) {
      throw new IllegalArgumentException(
          "a ZeRO stage of 2 or 3, at least one micro-batch and a layout for "
              + collectives.worldSize()
              + " ranks were expected, not stage "
              + stage
              + ", "
              + microBatches
              + " micro-batches and "
              + layout.ranks()
              + " ranks");
    }
    this.stage = stage;
    this.backend = backend;
    this.layout = layout;
    this.microBatches = microBatches;
    this.collectives = collectives;
    this.rank = collectives.rank();
    this.deal = new GroupDeal(groups, layout.ranks());
    this.rounds = deal.steps();
    this.passes = new int[layout.units().size()];
    layout.placement().forEach(p -> ParameterBinding.split(p, layout.sharding()));
    boolean built = false;
    try {
      sums = own(new SliceSums(backend, collectives, layout, deal));
      gradients = own(new UnitGradients(backend, layout, sums));
      values =
          allocate(DType.F32, stage == 2 ? layout.valueElements() : layout.valueElements(rank));
      backend.fill(values, 0);
      operands =
          stage == 2 && precision != Precision.F32
              ? Optional.of(allocate(precision.operands(), values.elements()))
              : Optional.empty();
      unitValues =
          stage == 2
              ? Optional.empty()
              : Optional.of(own(new UnitValues(backend, layout, collectives, precision, values)));
      if (stage == 2) {
        bindWhole();
      }
      built = true;
    } finally {
      if (!built) {
        close();
      }
    }
  }

  private <T extends AutoCloseable> T own(T resource) {
    owned.push(resource);
    return resource;
  }

  private Tensor allocate(DType dtype, long elements) {
    return own(backend.allocate(dtype, Shape.of(elements), Category.PARAMETER));
  }

  private void bindWhole() {
    Tensor products = operands.orElse(values);
    long start = 0;
    for (UnitLayout unit : layout.units()) {
      for (UnitLayout.Placed placed : unit.values()) {
        Parameter parameter = placed.parameter();
        long[] dims = layout.shape(parameter).dims();
        long offset = start + placed.offset();
        ParameterBinding.bindValue(
            parameter, values.slice(offset, dims), products.slice(offset, dims));
      }
      start += unit.valueElements();
    }
  }

  @Override
  public int stage() {
    return stage;
  }

  @Override
  public ZeroLayout layout() {
    return layout;
  }

  @Override
  public List<Integer> groups() {
    return deal.groups(rank);
  }

  @Override
  public List<ZeroSlice> slices() {
    return layout.slices(rank);
  }

  @Override
  public Tensor flatValues() {
    return values;
  }

  @Override
  public Tensor flatGradients() {
    return sums.total();
  }

  @Override
  public long valueOffset(ZeroSlice slice) {
    return stage == 2 ? slice.wholeOffset() : slice.shareOffset();
  }

  @Override
  public long gradientOffset(ZeroSlice slice) {
    return slice.shareOffset();
  }

  @Override
  public void initialise(long seed) {
    for (ZeroSlice slice : slices()) {
      RegionWork.initialise(backend, seed, slice, values(slice));
    }
    shareValues();
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
  public void beginStep() {
    // What an evaluation has left would be out of date after the next update.
    releaseAll();
    beginRound(0);
    operands.ifPresent(copy -> backend.copy(values, copy));
  }

  @Override
  public void beforeForward(int unit) {
    gather(unit, unit + 1);
  }

  /// Brings the values of `unit`; those of `next`, if there is such a unit, come while it is computed.
  private void gather(int unit, int next) {
    unitValues.ifPresent(
        units -> {
          units.gather(unit);
          if (next >= 0 && next < layout.units().size()) {
            units.start(next);
          }
        });
  }

  /// The last unit's backward pass follows at once; its values stay.
  @Override
  public void afterForward(int unit) {
    if (unit < layout.units().size() - 1) {
      unitValues.ifPresent(units -> units.release(unit));
    }
  }

  @Override
  public void beforeBackward(int unit) {
    gather(unit, unit - 1);
    if (passes[unit] == 0 && nextGroup().isPresent()) {
      gradients.begin(unit);
    }
  }

  @Override
  public void afterBackward(int unit) {
    unitValues.ifPresent(units -> units.release(unit));
    passes[unit]++;
    if (passes[unit] == microBatches) {
      gradients.end(unit, rounds.get(round));
      unitsDone++;
    }
  }

  private OptionalInt nextGroup() {
    return deal.group(round, rank);
  }

  @Override
  public void endGroup(int group) {
    OptionalInt expected = nextGroup();
    if (expected.isEmpty() || expected.getAsInt() != group) {
      throw new IllegalStateException(
          "rank "
              + rank
              + " ended group "
              + group
              + " but expects "
              + (expected.isPresent() ? "group " + expected.getAsInt() : "reduce()"));
    }
    endRound();
  }

  private void endRound() {
    if (unitsDone != layout.units().size()) {
      throw new IllegalStateException(
          "backward has passed "
              + unitsDone
              + " of "
              + layout.units().size()
              + " units in round "
              + round
              + " of rank "
              + rank);
    }
    beginRound(round + 1);
  }

  @Override
  public void reduce() {
    while (round < rounds.size()) {
      nextGroup()
          .ifPresent(
              group -> {
                throw new IllegalStateException(
                    "rank " + rank + " has not ended group " + group + " yet");
              });
      playAlong();
    }
  }

  @Override
  public void combineUses() {
    RegionWork.combineUses(backend, layout, region -> region.sliceInShare(sums.total(), rank));
  }

  @Override
  public Tensor useGradients(Parameter use) {
    return layout.gradientRegion(use).sliceInShare(sums.total(), rank);
  }

  /// A round in which other ranks have a group and this one has none.
  private void playAlong() {
    int units = layout.units().size();
    for (int microBatch = 0; microBatch < microBatches; microBatch++) {
      playForward();
      for (int unit = units - 1; unit >= 0; unit--) {
        beforeBackward(unit);
        afterBackward(unit);
      }
    }
    endRound();
  }

  @Override
  public Map<Parameter, Double> squaredNorms(Predicate<Parameter> trained) {
    return BlockNorm.squaredNorms(backend, collectives, layout, trained, this::gradients);
  }

  @Override
  public void shareValues() {
    if (stage == 2) {
      RegionWork.gatherWhole(collectives, layout, values);
    }
  }

  @Override
  public void playForward() {
    for (int unit = 0; unit < layout.units().size(); unit++) {
      beforeForward(unit);
      afterForward(unit);
    }
  }

  @Override
  public void gatherAll() {
    unitValues.ifPresent(
        units -> {
          for (int unit = 0; unit < layout.units().size(); unit++) {
            units.gather(unit);
          }
        });
  }

  @Override
  public void releaseAll() {
    unitValues.ifPresent(UnitValues::close);
  }

  @Override
  public void reset() {
    releaseAll();
    gradients.close();
    beginRound(0);
  }

  private void beginRound(int number) {
    round = number;
    unitsDone = 0;
    Arrays.fill(passes, 0);
  }

  @Override
  public void close() {
    IllegalStateException failure = null;
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (Exception e) {
        if (failure == null) {
          failure = new IllegalStateException("what a ZeRO share holds could not be released", e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
