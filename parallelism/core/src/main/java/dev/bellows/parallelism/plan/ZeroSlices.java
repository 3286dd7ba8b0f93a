package dev.bellows.parallelism.plan;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// How ZeRO shares the elements of a list of parameters among the ranks of the data axis (Rajbhandari et al. 2020).
///
/// Parameters whose update rule sees single elements form one row per unit of the model, which is cut into runs of nearly equal length, at borders of
/// 4,096-element blocks counted from each parameter's start, so that sums over blocks keep their bits. Every unit is cut, so that all ranks take part
/// when its weights are gathered and its gradients scattered; what a border lies off is made up for in the next unit. A parameter whose rule
/// sees more goes whole to the rank that has least of such so far, unit by unit, the largest of a unit first. What becomes of a unit depends on it and those
/// before, never on later ones. Immutable.
public final class ZeroSlices {
  /// Elements of a block, the unit of the squared norm's sum.
  public static final int BLOCK = 4096;

  /// A run of elements of one parameter.
  ///
  /// @param parameter its index in the list
  /// @param start first element
  /// @param extent number of elements, above 0
  public record Slice(int parameter, long start, long extent) {}

  private final List<List<Slice>> slices = new ArrayList<>();

  /// The shares of `ranks` ranks in parameters of `elements` elements each, all of one unit; `whole` marks those that must not be cut.
  public ZeroSlices(List<Long> elements, List<Boolean> whole, int ranks) {
    this(elements, whole, Collections.nCopies(elements.size(), 0), ranks);
  }

  /// The shares of `ranks` ranks in parameters of `elements` elements each that belong to these `units`; `whole` marks those that must not be cut.
  public ZeroSlices(List<Long> elements, List<Boolean> whole, List<Integer> units, int ranks) {
    for (int rank = 0; rank < ranks; rank++) {
      slices.add(new ArrayList<>());
    }
    SortedMap<Integer, List<Integer>> rows = new TreeMap<>();
    for (int i = 0; i < elements.size(); i++) {
      if (!whole.get(i)) {
        rows.computeIfAbsent(units.get(i), unit -> new ArrayList<>()).add(i);
      }
    }
    long[] cuts = new long[ranks];
    long before = 0;
    for (List<Integer> row : rows.values()) {
      before += row.stream().mapToLong(elements::get).sum();
      cutRow(row, elements, before, cuts);
    }
    long[] loads = new long[ranks];
    IntStream.range(0, elements.size())
        .filter(whole::get)
        .boxed()
        .sorted(
            Comparator.<Integer, Integer>comparing(units::get)
                .thenComparing(elements::get, Comparator.reverseOrder()))
        .forEachOrdered(
            i -> {
              int owner = leastLoaded(loads);
              loads[owner] += elements.get(i);
              slices.get(owner).add(new Slice(i, 0, elements.get(i)));
            });
  }

  private static int leastLoaded(long[] loads) {
    int least = 0;
    for (int rank = 1; rank < loads.length; rank++) {
      least = loads[rank] < loads[least] ? rank : least;
    }
    return least;
  }

  /// Shares out the parameters `row`. `total` is the number of elements of this row and those before; `cuts` holds how many elements of the rows before
  /// the ranks 0 to r have got together, and then of this one too.
  private void cutRow(List<Integer> row, List<Long> elements, long total, long[] cuts) {
    int ranks = cuts.length;
    long[] ideal = new long[ranks];
    for (int rank = 0; rank < ranks; rank++) {
      ideal[rank] = (long) ((rank + 1) / (double) ranks * total) - cuts[rank];
    }
    long start = 0;
    for (int parameter : row) {
      long extent = elements.get(parameter);
      long from = 0;
      for (int rank = 0; rank < ranks; rank++) {
        long to = rank == ranks - 1 ? extent : border(ideal[rank] - start, extent);
        if (to > from) {
          slices.get(rank).add(new Slice(parameter, from, to - from));
          from = to;
        }
        cuts[rank] += from;
      }
      start += extent;
    }
  }

  /// The block border of a parameter of `elements` elements that is nearest to `ideal`.
  private static long border(long ideal, long elements) {
    long inside = Math.clamp(ideal, 0, elements);
    long below = inside / BLOCK * BLOCK;
    long above = Math.min(below + BLOCK, elements);
    return inside - below < above - inside ? below : above;
  }

  private static long sum(List<Slice> slices) {
    return slices.stream().mapToLong(Slice::extent).sum();
  }

  /// What `rank` of the data axis owns.
  public List<Slice> slices(int rank) {
    return List.copyOf(slices.get(rank));
  }

  /// Number of elements that `rank` owns.
  public long elements(int rank) {
    return sum(slices.get(rank));
  }
}
