package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Function;

/// What all stages do with regions and slices.
final class RegionWork {
  private RegionWork() {}

  /// Adds the gradient sums of tied uses to their primaries', in forward order, each owner its own elements. `slice` is this rank's slice of a region.
  static void combineUses(Backend backend, ZeroLayout layout, Function<Region, Tensor> slice) {
    for (UnitLayout unit : layout.units()) {
      for (int i = 0; i < unit.uses().size(); i++) {
        Parameter primary = unit.uses().get(i).parameter().primary();
        Tensor sum = slice.apply(layout.region(primary));
        if (sum.elements() > 0) {
          backend.add(sum, slice.apply(unit.useRegions().get(i)), sum);
        }
      }
    }
  }

  /// Completes `values`, the whole model's, of which each rank brings its slices.
  static void gatherWhole(Collectives collectives, ZeroLayout layout, Tensor values) {
    int rank = collectives.rank();
    for (UnitLayout unit : layout.units()) {
      for (Region region : unit.regions()) {
        collectives.allGather(
            region.sliceInWhole(values, rank), region.slices(), region.inWhole(values));
      }
    }
  }

  /// Draws the first values of `slice` from its parameter's own stream: an element's value is a function of its place in the whole parameter.
  static void initialise(Backend backend, long seed, ZeroSlice slice, Tensor values) {
    Parameter parameter = slice.parameter();
    Philox random = Philox.of(seed, Philox.Purpose.INITIALISATION).derive(parameter.name());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(values.bytes(), Float.BYTES);
      long end = slice.start() + slice.extent();
      parameter
          .shard()
          .forEachRun(
              (local, logical, extent) -> {
                long last = Math.min(local + extent, end);
                for (long i = Math.max(local, slice.start()); i < last; i++) {
                  float value = parameter.initializer().value(random, logical + i - local);
                  host.setAtIndex(ValueLayout.JAVA_FLOAT, i - slice.start(), value);
                }
              });
      backend.upload(host, values);
    }
  }
}
