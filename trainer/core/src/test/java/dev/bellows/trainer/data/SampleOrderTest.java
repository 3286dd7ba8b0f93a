package dev.bellows.trainer.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleOrderTest {
  private static final long SEED = 1337;

  private static long[] epoch(SampleOrder order, long epoch) {
    long first = epoch * order.samples();
    return LongStream.range(first, first + order.samples()).map(order::index).toArray();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 15, 16, 17, 64, 65, 1000, 4096, 4097, 60000})
  void everyEpochHoldsEverySampleOnce(long samples) {
    SampleOrder order = new SampleOrder(SEED, samples);
    for (long epoch : new long[] {0, 1, 1_000_000_007}) {
      long[] indices = epoch(order, epoch);
      Arrays.sort(indices);
      assertTrue(
          Arrays.equals(LongStream.range(0, samples).toArray(), indices),
          () -> samples + " samples");
      assertEquals(epoch, order.epoch(epoch * samples));
      assertEquals(epoch, order.epoch((epoch + 1) * samples - 1));
    }
  }

  @Test
  void epochsAndSeedsDiffer() {
    SampleOrder order = new SampleOrder(SEED, 100);
    Set<String> orders = new HashSet<>();
    for (int epoch = 0; epoch < 50; epoch++) {
      orders.add(Arrays.toString(epoch(order, epoch)));
      orders.add(Arrays.toString(epoch(new SampleOrder(SEED + 1, 100), epoch)));
    }
    assertEquals(100, orders.size());
  }

  /// A stored run must go on in the order that it began with, so the order is pinned.
  @Test
  void theOrderNeverChanges() {
    SampleOrder order = new SampleOrder(SEED, 1000);
    assertEquals(
        "[341, 277, 145, 372, 627, 827, 919]",
        Arrays.toString(
            LongStream.of(0, 1, 2, 999, 1000, 1001, 123_456_789_012L).map(order::index).toArray()));
  }

  /// The place of each sample is uniform: chi-squared of 64 × 64 counts with 63·63 degrees of freedom, within 5 deviations.
  @Test
  void placesAreUniform() {
    int samples = 64;
    int epochs = 6400;
    long[][] counts = new long[samples][samples];
    SampleOrder order = new SampleOrder(SEED, samples);
    for (long position = 0; position < (long) samples * epochs; position++) {
      counts[(int) (position % samples)][(int) order.index(position)]++;
    }
    double expected = (double) epochs / samples;
    double chi =
        Arrays.stream(counts)
            .flatMapToLong(Arrays::stream)
            .mapToDouble(c -> (c - expected) * (c - expected) / expected)
            .sum();
    double freedom = 63.0 * 63.0;
    assertTrue(
        Math.abs(chi - freedom) < 5 * Math.sqrt(2 * freedom),
        "chi-squared " + chi + " of " + freedom);
  }

  /// All 120 orders of 5 samples appear equally often: chi-squared with 119 degrees of freedom, within 5 deviations.
  @Test
  void ordersAreUniform() {
    int epochs = 24_000;
    SampleOrder order = new SampleOrder(SEED, 5);
    Map<String, Integer> counts = new HashMap<>();
    for (int epoch = 0; epoch < epochs; epoch++) {
      counts.merge(Arrays.toString(epoch(order, epoch)), 1, Integer::sum);
    }
    assertEquals(120, counts.size());
    double expected = epochs / 120.0;
    double chi =
        counts.values().stream()
            .mapToDouble(count -> (count - expected) * (count - expected) / expected)
            .sum();
    assertTrue(Math.abs(chi - 119) < 5 * Math.sqrt(2 * 119), "chi-squared " + chi + " of 119");
  }

  /// Neighbours in the order are not neighbours in the data set: the mean distance of two random samples is (n + 1) / 3.
  @Test
  void neighboursAreIndependent() {
    int samples = 50_000;
    long[] indices = epoch(new SampleOrder(SEED, samples), 0);
    double distance = 0;
    for (int i = 1; i < samples; i++) {
      distance += Math.abs(indices[i] - indices[i - 1]);
    }
    double mean = distance / (samples - 1);
    double deviation = samples / Math.sqrt(18.0) / Math.sqrt(samples);
    assertTrue(Math.abs(mean - samples / 3.0) < 5 * deviation, "mean distance " + mean);
  }

  @Test
  void hugeDataSetsWork() {
    long samples = (1L << 40) + 3;
    SampleOrder order = new SampleOrder(SEED, samples);
    Set<Long> seen = new HashSet<>();
    for (long position = samples - 500; position < samples + 500; position++) {
      long index = order.index(position);
      assertTrue(index >= 0 && index < samples);
      seen.add(position < samples ? index : ~index);
    }
    assertEquals(1000, seen.size());
    assertFalse(seen.contains(samples - 500) && seen.contains(samples - 499));
  }

  @Test
  void wrongArgumentsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new SampleOrder(1, 0));
    SampleOrder order = new SampleOrder(1, 5);
    assertThrows(IllegalArgumentException.class, () -> order.index(-1));
  }
}
