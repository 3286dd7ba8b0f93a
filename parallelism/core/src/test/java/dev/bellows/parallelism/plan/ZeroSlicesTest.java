package dev.bellows.parallelism.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.plan.ZeroSlices.Slice;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ZeroSlicesTest {
  @Test
  void everyElementHasOneOwnerAndCutsLieAtBlockBorders() {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      int ranks = 1 + random.nextInt(8);
      List<Long> elements = new ArrayList<>();
      List<Boolean> whole = new ArrayList<>();
      for (int i = 0; i < 1 + random.nextInt(12); i++) {
        elements.add((long) random.nextInt(random.nextBoolean() ? 100 : 50_000));
        whole.add(random.nextInt(4) == 0);
      }
      ZeroSlices slices = new ZeroSlices(elements, whole, ranks);
      long[] next = new long[elements.size()];
      for (int rank = 0; rank < ranks; rank++) {
        for (Slice slice : slices.slices(rank)) {
          String where = "seed " + seed + ", rank " + rank + ", " + slice;
          int parameter = slice.parameter();
          assertEquals(next[parameter], slice.start(), where);
          assertEquals(0, slice.start() % ZeroSlices.BLOCK, where);
          assertTrue(!whole.get(parameter) || slice.extent() == elements.get(parameter), where);
          next[parameter] += slice.extent();
        }
      }
      for (int i = 0; i < next.length; i++) {
        assertEquals(elements.get(i), next[i], "parameter " + i + ", seed " + seed);
      }
    }
  }

  @Test
  void sharesDifferByABlockAtMost() {
    List<Long> elements = List.of(65_000L, 100L, 1_000_003L, 5L);
    ZeroSlices slices = new ZeroSlices(elements, Collections.nCopies(4, false), 7);
    for (int rank = 0; rank < 7; rank++) {
      assertEquals(1_065_108 / 7.0, slices.elements(rank), ZeroSlices.BLOCK + 105);
    }
  }

  @Test
  void wholeParametersGoToWhoHasLeast() {
    ZeroSlices slices =
        new ZeroSlices(List.of(10L, 70L, 40L, 30L), Collections.nCopies(4, true), 2);
    assertEquals(List.of(new Slice(1, 0, 70), new Slice(0, 0, 10)), slices.slices(0));
    assertEquals(List.of(new Slice(2, 0, 40), new Slice(3, 0, 30)), slices.slices(1));
  }
}
