package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.parallelism.Slices;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ZeroLayoutTest {
  private static List<List<Parameter>> randomUnits(Random random) {
    List<List<Parameter>> units = new ArrayList<>();
    List<Parameter> earlier = new ArrayList<>();
    for (int unit = 0; unit < 1 + random.nextInt(4); unit++) {
      List<Parameter> members = new ArrayList<>();
      for (int i = 0; i < 1 + random.nextInt(6); i++) {
        int elements = 1 + random.nextInt(random.nextBoolean() ? 40 : 20_000);
        String name = (random.nextInt(3) == 0 ? "whole." : "cut.") + unit + "." + i;
        members.add(Parameter.of(name, Shape.of(elements), Initializer.constant(0), false));
      }
      earlier.addAll(members);
      if (random.nextBoolean()) {
        Parameter primary = earlier.get(random.nextInt(earlier.size()));
        members.add(primary.tie("tied." + unit));
      }
      units.add(members);
    }
    return units;
  }

  private static boolean isWhole(Parameter parameter) {
    return parameter.name().startsWith("whole.");
  }

  /// Every element has one owner; what a rank owns lies where the store, the unit and the share say, without gaps.
  @Test
  void offsetsAgreeWithStoreAndShares() {
    for (long seed = 0; seed < 100; seed++) {
      Random random = new Random(seed);
      List<List<Parameter>> units = randomUnits(random);
      int ranks = 1 + random.nextInt(6);
      ZeroLayout layout = new ZeroLayout(units, ZeroLayoutTest::isWhole, ranks);
      try (Backend backend = new ReferenceBackend();
          ParameterStore store = new ParameterStore(backend, layout.placement())) {
        Map<Parameter, Long> places = new HashMap<>();
        for (int i = 0; i < store.parameters().size(); i++) {
          places.put(store.parameters().get(i), store.offset(i));
        }
        assertEquals(store.values().elements(), layout.valueElements(), "seed " + seed);
        checkSlices(layout, places, "seed " + seed);
        checkRegions(layout, store, "seed " + seed);
      }
    }
  }

  private static void checkSlices(ZeroLayout layout, Map<Parameter, Long> places, String seed) {
    Map<Parameter, Long> owned = new HashMap<>();
    for (int rank = 0; rank < layout.ranks(); rank++) {
      long end = 0;
      for (ZeroSlice slice : layout.slices(rank)) {
        String where = seed + ", rank " + rank + ", " + slice;
        Parameter parameter = slice.parameter();
        assertEquals(end, slice.shareOffset(), where);
        assertEquals(places.get(parameter) + slice.start(), slice.wholeOffset(), where);
        assertTrue(!isWhole(parameter) || slice.extent() == parameter.shape().elements(), where);
        owned.merge(parameter, slice.extent(), Long::sum);
        end += ParameterStore.placed(slice.extent());
      }
      assertEquals(end, layout.valueElements(rank), seed + ", rank " + rank);
    }
    layout
        .parameters()
        .forEach(parameter -> assertEquals(parameter.shape().elements(), owned.get(parameter)));
  }

  /// Regions cover values and gradients of the whole in order, and every tied use is shared out as its primary is.
  private static void checkRegions(ZeroLayout layout, ParameterStore store, String seed) {
    long values = 0;
    long uses = layout.valueElements();
    for (UnitLayout unit : layout.units()) {
      long inUnit = 0;
      for (Region region : unit.regions()) {
        assertEquals(values, region.wholeOffset(), seed);
        assertEquals(inUnit, region.unitOffset(), seed);
        values += region.slices().total();
        inUnit += region.slices().total();
      }
      assertEquals(unit.valueElements(), inUnit, seed);
      for (int i = 0; i < unit.uses().size(); i++) {
        Region region = unit.useRegions().get(i);
        Slices primary = layout.region(unit.uses().get(i).parameter().primary()).slices();
        assertEquals(primary, region.slices(), seed);
        assertEquals(uses, region.wholeOffset(), seed);
        assertEquals(unit.uses().get(i).offset(), region.unitOffset(), seed);
        uses += region.slices().total();
      }
    }
    assertEquals(store.gradients().elements(), uses, seed);
    long shared = 0;
    for (int rank = 0; rank < layout.ranks(); rank++) {
      shared += layout.gradientElements(rank);
    }
    assertEquals(uses, shared, seed);
  }
}
