package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Philox.Purpose;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class PhiloxTest {
  private static final int COUNT = 100_000;

  private final Philox stream = Philox.of(TestData.SEED, Purpose.TEST);

  /// The known answers of Random123 (kat_vectors, philox4x32 10).
  @Test
  void knownAnswers() {
    known(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    known(-1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    known(
        0x299f31d0a4093822L,
        0x85a308d3243f6a88L,
        0x0370734413198a2eL,
        0xd16cfe09,
        0x94fdcceb,
        0x5001e420,
        0x24126ea1);
  }

  private static void known(long key, long low, long high, int... expected) {
    int[] words = new int[4];
    Philox.block(key, low, high, words);
    assertArrayEquals(expected, words);
  }

  @Test
  void blocksAreTheKeysBlocks() {
    int[] expected = new int[4];
    int[] actual = new int[4];
    Philox.block(stream.key(), 77, 0, expected);
    stream.block(77, actual);
    assertArrayEquals(expected, actual);
    assertEquals(Integer.toUnsignedLong(expected[0]) + ((long) expected[1] << 32), stream.bits(77));
  }

  /// Bounds of five standard deviations of the sample moments.
  @Test
  void uniformMoments() {
    double error = 5 / Math.sqrt(COUNT);
    moments(
        stream::uniform, 0.5, error * Math.sqrt(1 / 12.0), 1 / 12.0, error * Math.sqrt(1 / 180.0));
    for (int i = 0; i < COUNT; i++) {
      double u = stream.uniform(i);
      assertTrue(u >= 0 && u < 1);
    }
  }

  @Test
  void normalMoments() {
    double error = 5 / Math.sqrt(COUNT);
    moments(stream::normal, 0, error, 1, error * Math.sqrt(2));
    // The fourth moment is 3; its square has expectation 105, so one draw varies by 96.
    double fourth = 0;
    int beyondTwo = 0;
    for (int i = 0; i < COUNT; i++) {
      double x = stream.normal(i);
      fourth += x * x * x * x / COUNT;
      beyondTwo += Math.abs(x) > 2 ? 1 : 0;
    }
    assertEquals(3, fourth, error * Math.sqrt(96), OperationRunner.seed());
    assertEquals(
        0.04550026, beyondTwo / (double) COUNT, error * Math.sqrt(0.0455), OperationRunner.seed());
  }

  private static void moments(
      IntToDoubleFunction draw,
      double mean,
      double meanError,
      double variance,
      double varianceError) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < COUNT; i++) {
      double x = draw.applyAsDouble(i) - mean;
      sum += x / COUNT;
      squares += x * x / COUNT;
    }
    assertEquals(0, sum, meanError, "mean" + OperationRunner.seed());
    assertEquals(variance, squares, varianceError, "variance" + OperationRunner.seed());
  }

  @Test
  void belowIsUniform() {
    int[] counts = new int[7];
    for (int i = 0; i < COUNT; i++) {
      counts[(int) stream.below(i, 7)]++;
    }
    double chiSquared = 0;
    for (int count : counts) {
      chiSquared += Math.pow(count - COUNT / 7.0, 2) / (COUNT / 7.0);
    }
    // 6 degrees of freedom: 1 in 100,000 exceeds 33.1.
    assertTrue(chiSquared < 33.1, chiSquared + OperationRunner.seed());
    assertEquals(0, stream.below(5, 1));
    assertTrue(stream.below(5, Long.MAX_VALUE) >= 0);
    assertThrows(IllegalArgumentException.class, () -> stream.below(0, 0));
  }

  @Test
  void derivedStreamsAreIndependent() {
    Set<Long> keys = new HashSet<>();
    int streams = 0;
    for (long seed : new long[] {0, 1, 2, -1, Long.MIN_VALUE}) {
      for (Purpose purpose : Purpose.values()) {
        Philox root = Philox.of(seed, purpose);
        keys.add(root.key());
        streams++;
        for (long id = -50; id < 50; id++) {
          keys.add(root.derive(id).key());
          keys.add(root.derive(id).derive(id).key());
          keys.add(root.derive("p" + id).key());
          streams += 3;
        }
      }
    }
    assertEquals(streams, keys.size(), "two of the streams have one key");
    // Neighbours do not correlate: the sample correlation of independent streams has deviation 1 /
    // sqrt(n).
    for (long id = 0; id < 5; id++) {
      double correlation = 0;
      Philox a = stream.derive(id);
      Philox b = stream.derive(id + 1);
      for (int i = 0; i < 20_000; i++) {
        correlation += a.normal(i) * b.normal(i) / 20_000;
      }
      assertEquals(0, correlation, 5 / Math.sqrt(20_000), OperationRunner.seed());
    }
  }

  @Test
  void namesAndOrderMatter() {
    assertEquals(stream.derive("a.weight").key(), stream.derive("a.weight").key());
    assertNotEquals(stream.derive("a.weight").key(), stream.derive("b.weight").key());
    assertNotEquals(stream.derive(1).derive(2).key(), stream.derive(2).derive(1).key());
  }
}
