package dev.bellows.parallelism.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// How ZeRO shares the elements of a list of parameters among the ranks of the data axis (Rajbhandari et al. 2020).
///
/// Parameters whose update rule sees single elements form one row that is cut into runs of nearly equal length, at borders of 4,096-element blocks
/// counted from each parameter's start, so that sums over blocks keep their bits. A parameter whose rule sees more goes whole to the rank that has
/// least so far, the largest first. Immutable.
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

  /// The shares of `ranks` ranks in parameters of `elements` elements each; `whole` marks those that must not be cut.
  public ZeroSlices(List<Long> elements, List<Boolean> whole, int ranks) {
    long total = 0;
    for (int i = 0; i < elements.size(); i++) {
      total += whole.get(i) ? 0 : elements.get(i);
    }
    for (int rank = 0; rank < ranks; rank++) {
      slices.add(new ArrayList<>());
    }
    long start = 0;
    for (int i = 0; i < elements.size(); i++) {
      if (!whole.get(i)) {
        cut(i, start, elements.get(i), total);
        start += elements.get(i);
      }
    }
    IntStream.range(0, elements.size())
        .filter(whole::get)
        .boxed()
        .sorted(Comparator.comparing(elements::get, Comparator.reverseOrder()))
        .forEachOrdered(i -> emptiest().add(new Slice(i, 0, elements.get(i))));
  }

  /// Shares out a parameter that lies at `start` in a row of `total` elements.
  private void cut(int parameter, long start, long elements, long total) {
    long from = 0;
    for (int rank = 0; rank < slices.size(); rank++) {
      long ideal = (long) ((rank + 1) / (double) slices.size() * total) - start;
      long to = rank == slices.size() - 1 ? elements : border(ideal, elements);
      if (to > from) {
        slices.get(rank).add(new Slice(parameter, from, to - from));
        from = to;
      }
    }
  }

  /// The block border of a parameter of `elements` elements that is nearest to `ideal`.
  private static long border(long ideal, long elements) {
    long inside = Math.clamp(ideal, 0, elements);
    long below = inside / BLOCK * BLOCK;
    long above = Math.min(below + BLOCK, elements);
    return inside - below < above - inside ? below : above;
  }

  private List<Slice> emptiest() {
    return slices.stream().min(Comparator.comparingLong(ZeroSlices::sum)).orElseThrow();
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
