package dev.bellows.parallelism.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class StagesTest {
  private static double[] equal(int layers, double before, double layer, double behind) {
    double[] costs = new double[layers + 2];
    Arrays.fill(costs, layer);
    costs[0] = before;
    costs[layers + 1] = behind;
    return costs;
  }

  @Test
  void aHeadCountsAsMuchAsItCosts() {
    double[] bytes = equal(4, 1, 1, 1);
    assertEquals(List.of(0, 2, 4), Stages.balance(equal(4, 0, 10, 1), bytes, 2, 1).firstLayers());
    // The head is as much as two layers: the first stage takes three.
    assertEquals(List.of(0, 3, 4), Stages.balance(equal(4, 0, 10, 20), bytes, 2, 1).firstLayers());
    assertEquals(List.of(0, 1, 4), Stages.balance(equal(4, 20, 10, 0), bytes, 2, 1).firstLayers());
  }

  /// Three layers on two stages: either may take two. Memory decides.
  @Test
  void memoryDecidesBetweenCutsOfEqualTime() {
    double[] flops = equal(3, 0, 1, 0);
    assertEquals(List.of(0, 1, 3), Stages.balance(flops, equal(3, 5, 1, 0), 2, 1).firstLayers());
    assertEquals(List.of(0, 2, 3), Stages.balance(flops, equal(3, 0, 1, 5), 2, 1).firstLayers());
  }

  @Test
  void chunksAreDealtInTurn() {
    Stages stages = Stages.balance(equal(8, 0, 1, 0), equal(8, 0, 1, 0), 2, 2);
    assertEquals(List.of(0, 2, 4, 6, 8), stages.firstLayers());
    assertEquals(List.of(0, 1, 2, 5, 6), stages.units(0));
    assertEquals(List.of(3, 4, 7, 8, 9), stages.units(1));
    assertEquals(3, stages.chunkOfUnit(9));
    assertEquals(1, stages.stageOfUnit(9));
  }

  @Test
  void fewerLayersThanStages() {
    double[] costs = equal(3, 0, 1, 0);
    assertEquals(
        "parallel.pipeline is 4, but the model has 3 layers; each stage needs one, so it must be 3"
            + " or less",
        assertThrows(IllegalArgumentException.class, () -> Stages.balance(costs, costs, 4, 1))
            .getMessage());
    assertEquals(
        "parallel.pipeline is 2 with 2 chunks of layers a stage, but the model has 3 layers; each"
            + " chunk needs one, so it must be 1",
        assertThrows(IllegalArgumentException.class, () -> Stages.balance(costs, costs, 2, 2))
            .getMessage());
  }

  /// Against all cuts, tried one by one.
  @Test
  void noCutIsBetter() {
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      int layers = 1 + random.nextInt(7);
      int stages = 1 + random.nextInt(layers);
      double[] flops = random.ints(layers + 2L, 0, 9).asDoubleStream().toArray();
      double[] bytes = random.ints(layers + 2L, 0, 9).asDoubleStream().toArray();
      double[] best = {Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY};
      everyCut(
          new ArrayList<>(List.of(0)),
          layers,
          stages,
          cut -> {
            double time = worst(flops, cut);
            double memory = worst(bytes, cut);
            if (time < best[0] || time == best[0] && memory < best[1]) {
              best[0] = time;
              best[1] = memory;
            }
          });
      List<Integer> found = Stages.balance(flops, bytes, stages, 1).firstLayers();
      assertEquals(best[0], worst(flops, found), "time, seed " + seed);
      assertEquals(best[1], worst(bytes, found), "memory, seed " + seed);
      assertTrue(found.getFirst() == 0 && found.getLast() == layers, "seed " + seed);
    }
  }

  private static void everyCut(
      List<Integer> begun, int layers, int stages, Consumer<List<Integer>> use) {
    if (begun.size() == stages) {
      List<Integer> cut = new ArrayList<>(begun);
      cut.add(layers);
      if (begun.getLast() < layers) {
        use.accept(cut);
      }
      return;
    }
    for (int next = begun.getLast() + 1; next < layers; next++) {
      List<Integer> more = new ArrayList<>(begun);
      more.add(next);
      everyCut(more, layers, stages, use);
    }
  }

  private static double worst(double[] units, List<Integer> cut) {
    double worst = 0;
    int layers = units.length - 2;
    for (int chunk = 0; chunk + 1 < cut.size(); chunk++) {
      double sum = 0;
      for (int layer = cut.get(chunk); layer < cut.get(chunk + 1); layer++) {
        sum += units[layer + 1];
        sum += layer == 0 ? units[0] : 0;
        sum += layer == layers - 1 ? units[layers + 1] : 0;
      }
      worst = Math.max(worst, sum);
    }
    return worst;
  }
}
