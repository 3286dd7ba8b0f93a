package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Sharding;
import dev.bellows.parallelism.Slices;
import dev.bellows.parallelism.plan.ZeroSlices;
import dev.bellows.parallelism.plan.ZeroSlices.Slice;
import dev.bellows.parallelism.zero.UnitLayout.Lent;
import dev.bellows.parallelism.zero.UnitLayout.Placed;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// Who owns which elements of a model's parameters under ZeRO, and where they lie in flat buffers: the same on all ranks. Immutable.
///
/// A unit's parameters lie together, those that may be cut first and the others by owner, so that in each unit two collectives at most, with one contiguous
/// slice per rank, move all of it, and one more for each tied use's gradient. Every parameter starts on 64 bytes; its padding belongs to who owns its end.
public final class ZeroLayout {
  private final Sharding sharding;
  private final List<Parameter> apart;
  private final int ranks;
  private final List<Parameter> parameters = new ArrayList<>();
  private final List<Parameter> tied = new ArrayList<>();
  private final List<UnitLayout> units = new ArrayList<>();
  private final List<List<ZeroSlice>> slices = new ArrayList<>();
  private final Map<Parameter, Home> homes = new IdentityHashMap<>();
  private final Map<Parameter, Region> useHomes = new IdentityHashMap<>();
  private final long[] valueShares;
  private final long[] gradientShares;
  private final long valueElements;

  /// Where a parameter with a value lies.
  private record Home(int unit, Region region, long offset) {
    /// The `elements` elements of the parameter, and its padding, as a part of its region.
    Region part(long elements) {
      return region.part(offset, ParameterStore.placed(elements));
    }
  }

  /// The layout for `ranks` ranks of the data axis. `units`: the parameters and tied uses of each unit of the model, in forward order; `whole` says whose
  /// update rule sees more than single elements.
  public ZeroLayout(List<List<Parameter>> units, Predicate<Parameter> whole, int ranks) {
    this(units, whole, Sharding.WHOLE, List.of(), ranks);
  }

  /// The same for a part of a model on a mesh with more axes. `sharding`: what this tensor rank has of a parameter. `apart`: parameters that stages of a
  /// pipeline share, in the same order on each; they are shared out first and by themselves, so that data rank r owns the same of them on every stage.
  public ZeroLayout(
      List<List<Parameter>> units,
      Predicate<Parameter> whole,
      Sharding sharding,
      List<Parameter> apart,
      int ranks) {
    this.sharding = sharding;
    this.apart = apart;
    this.ranks = ranks;
    this.valueShares = new long[ranks];
    List<Integer> unitOf = new ArrayList<>();
    for (int unit = 0; unit < units.size(); unit++) {
      for (Parameter parameter : units.get(unit)) {
        (parameter.isTied() ? tied : parameters).add(parameter);
        if (!parameter.isTied()) {
          unitOf.add(unit);
        }
      }
    }
    ZeroSlices shares =
        new ZeroSlices(
            parameters.stream().map(this::elements).toList(),
            parameters.stream().map(whole::test).toList(),
            rows(unitOf),
            ranks);
    for (int rank = 0; rank < ranks; rank++) {
      slices.add(new ArrayList<>());
    }
    long end = 0;
    for (int unit = 0; unit < units.size(); unit++) {
      end = addUnit(unit, unitOf, whole, shares, end);
    }
    this.valueElements = end;
    this.gradientShares = valueShares.clone();
    for (int unit = 0; unit < units.size(); unit++) {
      end = addUses(unit, units.get(unit), end);
    }
  }

  /// What is shared out together: a unit's parameters, but each that stands apart by itself, before all units.
  private List<Integer> rows(List<Integer> unitOf) {
    List<Integer> rows = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      int index = apart.indexOf(parameters.get(i));
      rows.add(index < 0 ? unitOf.get(i) : index - apart.size());
    }
    return rows;
  }

  /// Returns where the values of the next unit start in the whole.
  private long addUnit(
      int unit, List<Integer> unitOf, Predicate<Parameter> whole, ZeroSlices shares, long start) {
    List<Integer> single = new ArrayList<>();
    List<Integer> cut = new ArrayList<>();
    List<Integer> uncut = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      if (unitOf.get(i) == unit && apart.contains(parameters.get(i))) {
        single.add(i);
      } else if (unitOf.get(i) == unit && !whole.test(parameters.get(i))) {
        cut.add(i);
      }
    }
    for (int rank = 0; rank < ranks; rank++) {
      for (Slice slice : shares.slices(rank)) {
        int i = slice.parameter();
        if (unitOf.get(i) == unit && whole.test(parameters.get(i)) && !single.contains(i)) {
          uncut.add(i);
        }
      }
    }
    List<Placed> values = new ArrayList<>();
    List<Region> regions = new ArrayList<>();
    long end = start;
    for (int i : single) {
      end = addRegion(unit, List.of(i), shares, start, end, values, regions);
    }
    end = addRegion(unit, cut, shares, start, end, values, regions);
    end = addRegion(unit, uncut, shares, start, end, values, regions);
    units.add(
        new UnitLayout(values, List.of(), regions, List.of(), List.of(), end - start, end - start));
    return end;
  }

  /// Places the parameters `members` from `start` of the whole on, as one region of the unit that starts at `unitStart`. Returns its end.
  private long addRegion(
      int unit,
      List<Integer> members,
      ZeroSlices shares,
      long unitStart,
      long start,
      List<Placed> values,
      List<Region> regions) {
    long[] offsets = new long[parameters.size()];
    long end = start;
    for (int i : members) {
      offsets[i] = end;
      values.add(new Placed(parameters.get(i), end - unitStart));
      end += ParameterStore.placed(elements(parameters.get(i)));
    }
    long[] lengths = new long[ranks];
    long[] shareOffsets = valueShares.clone();
    for (int rank = 0; rank < ranks; rank++) {
      for (int i : members) {
        for (Slice slice : shares.slices(rank)) {
          if (slice.parameter() == i) {
            slices
                .get(rank)
                .add(
                    new ZeroSlice(
                        parameters.get(i),
                        slice.start(),
                        slice.extent(),
                        offsets[i] + slice.start(),
                        shareOffsets[rank] + lengths[rank]));
            lengths[rank] += placed(parameters.get(i), slice);
          }
        }
      }
      valueShares[rank] += lengths[rank];
    }
    Region region = new Region(Slices.of(lengths), start - unitStart, start, shareOffsets);
    for (int i : members) {
      homes.put(parameters.get(i), new Home(unit, region, offsets[i] - start));
    }
    if (end > start) {
      regions.add(region);
    }
    return end;
  }

  /// Elements of a slice in a flat buffer, the padding behind the parameter's end included.
  private long placed(Parameter parameter, Slice slice) {
    long elements = elements(parameter);
    return slice.start() + slice.extent() == elements
        ? ParameterStore.placed(elements) - slice.start()
        : slice.extent();
  }

  /// Completes unit `unit` by its tied uses, whose gradients lie from `start` of the whole on. Returns their end.
  private long addUses(int unit, List<Parameter> members, long start) {
    UnitLayout layout = units.get(unit);
    List<Placed> uses = new ArrayList<>();
    List<Region> useRegions = new ArrayList<>();
    List<Lent> lent = new ArrayList<>();
    long unitEnd = layout.valueElements();
    long end = start;
    for (Parameter use : members) {
      if (!use.isTied()) {
        continue;
      }
      Home home = homes.get(use.primary());
      Region part = home.part(elements(use));
      uses.add(new Placed(use, unitEnd));
      Region region = new Region(part.slices(), unitEnd, end, gradientShares);
      useRegions.add(region);
      useHomes.put(use, region);
      for (int rank = 0; rank < ranks; rank++) {
        gradientShares[rank] += part.slices().length(rank);
      }
      if (home.unit() != unit && lent.stream().noneMatch(one -> one.parameter() == use.primary())) {
        lent.add(new Lent(use.primary(), home.unit(), part));
      }
      unitEnd += part.slices().total();
      end += part.slices().total();
    }
    units.set(
        unit,
        new UnitLayout(
            layout.values(),
            uses,
            layout.regions(),
            useRegions,
            lent,
            layout.valueElements(),
            unitEnd));
    return end;
  }

  private long elements(Parameter parameter) {
    return shape(parameter).elements();
  }

  /// Shape of what is placed of `parameter`: all of it, but on a tensor axis.
  public Shape shape(Parameter parameter) {
    return sharding.shard(parameter).localShape();
  }

  /// Which part of each parameter this tensor rank has.
  public Sharding sharding() {
    return sharding;
  }

  /// Number of ranks.
  public int ranks() {
    return ranks;
  }

  /// The parameters with values, in the model's order, in which their norms are added.
  public List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  /// Every parameter and tied use in the order in which a store places them so that each rank's slice of a unit is contiguous.
  public List<Parameter> placement() {
    List<Parameter> placement = new ArrayList<>();
    for (UnitLayout unit : units) {
      unit.values().forEach(placed -> placement.add(placed.parameter()));
    }
    placement.addAll(tied);
    return placement;
  }

  /// What `rank` owns, in the order in which it lies in its share.
  public List<ZeroSlice> slices(int rank) {
    return List.copyOf(slices.get(rank));
  }

  /// Elements of the values that `rank` owns, padding included.
  public long valueElements(int rank) {
    return valueShares[rank];
  }

  /// Elements of the gradient sums that `rank` owns, tied uses and padding included.
  public long gradientElements(int rank) {
    return gradientShares[rank];
  }

  /// Elements of all values, padding included.
  public long valueElements() {
    return valueElements;
  }

  /// Elements of the values of the largest unit, padding and the values of other units that its tied uses need included.
  public long largestUnitValues() {
    return units.stream()
        .mapToLong(
            unit ->
                unit.valueElements()
                    + unit.lent().stream().mapToLong(l -> l.region().slices().total()).sum())
        .max()
        .orElse(0);
  }

  /// Elements of the gradient sums of the largest unit, tied uses and padding included.
  public long largestUnitGradients() {
    return units.stream().mapToLong(UnitLayout::gradientElements).max().orElse(0);
  }

  List<UnitLayout> units() {
    return units;
  }

  /// The part of the gradient sums that is the one of `use`, primary or tied.
  Region gradientRegion(Parameter use) {
    return use.isTied() ? useHomes.get(use) : region(use);
  }

  /// The part of the values, and of their gradients, that is `parameter`.
  Region region(Parameter parameter) {
    return homes.get(parameter).part(elements(parameter));
  }
}
