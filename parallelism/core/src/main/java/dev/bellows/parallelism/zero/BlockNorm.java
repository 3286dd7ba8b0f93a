package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;

/// The squared norms of gradients that lie in slices on many ranks, with the bits that [Backend#squaredNorm] of each whole gradient has. The owner of a parameter's first blocks sends their sum, the owners of later ones a sum for each block, for additions in FP64 cannot be
/// regrouped.
final class BlockNorm {
  private BlockNorm() {}

  /// All ranks call alike and get the same. `gradient` is this rank's gradient of one of its slices.
  static Map<Parameter, Double> squaredNorms(
      Backend backend,
      Collectives collectives,
      ZeroLayout layout,
      Predicate<Parameter> trained,
      Function<ZeroSlice, Tensor> gradient) {
    List<Double> mine = new ArrayList<>();
    for (ZeroSlice slice : layout.slices(collectives.rank())) {
      if (trained.test(slice.parameter())) {
        addSums(backend, slice, gradient.apply(slice), mine);
      }
    }
    double[][] all =
        collectives.allGather(mine.stream().mapToDouble(Double::doubleValue).toArray());
    return combine(layout, trained, all);
  }

  private static void addSums(
      Backend backend, ZeroSlice slice, Tensor gradient, List<Double> sums) {
    if (slice.start() == 0) {
      sums.add(backend.squaredNorm(gradient));
      return;
    }
    for (long block = 0; block < slice.extent(); block += Backend.BLOCK) {
      long length = Math.min(Backend.BLOCK, slice.extent() - block);
      sums.add(backend.squaredNorm(gradient.slice(block, length)));
    }
  }

  /// How many sums the owner of `slice` sends.
  private static int sums(ZeroSlice slice) {
    return slice.start() == 0
        ? 1
        : Math.toIntExact((slice.extent() + Backend.BLOCK - 1) / Backend.BLOCK);
  }

  private static Map<Parameter, Double> combine(
      ZeroLayout layout, Predicate<Parameter> trained, double[][] all) {
    Map<Parameter, SortedMap<Long, double[]>> byStart = new IdentityHashMap<>();
    for (int rank = 0; rank < all.length; rank++) {
      int next = 0;
      for (ZeroSlice slice : layout.slices(rank)) {
        if (trained.test(slice.parameter())) {
          int end = next + sums(slice);
          byStart
              .computeIfAbsent(slice.parameter(), parameter -> new TreeMap<>())
              .put(slice.start(), Arrays.copyOfRange(all[rank], next, end));
          next = end;
        }
      }
    }
    Map<Parameter, Double> norms = new LinkedHashMap<>();
    for (Parameter parameter : layout.parameters()) {
      if (!trained.test(parameter)) {
        continue;
      }
      double norm = 0;
      for (double[] sums : byStart.getOrDefault(parameter, new TreeMap<>()).values()) {
        for (double sum : sums) {
          norm += sum;
        }
      }
      norms.put(parameter, norm);
    }
    return norms;
  }
}
