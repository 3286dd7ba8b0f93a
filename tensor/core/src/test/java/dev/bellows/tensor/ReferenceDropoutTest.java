package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ReferenceDropoutTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private double[] dropped(Dropout spec, long rows, long width) {
    try (Tensor x = backend.allocate(DType.F32, Shape.of(rows, width), Category.WORKSPACE)) {
      backend.fill(x, 1);
      backend.dropout(spec, x, x);
      return Values.read(x);
    }
  }

  @Test
  void aCutAtAnyRowDropsTheSameElements() {
    double[] whole = dropped(new Dropout(0.3, 5, 10), 9, 70);
    for (int cut = 1; cut < 9; cut++) {
      double[] first = dropped(new Dropout(0.3, 5, 10), cut, 70);
      double[] second = dropped(new Dropout(0.3, 5, 10 + cut), 9 - cut, 70);
      assertArrayEquals(Arrays.copyOf(whole, cut * 70), first);
      assertArrayEquals(Arrays.copyOfRange(whole, cut * 70, 9 * 70), second);
    }
  }

  @Test
  void dropsTheShareAndKeepsTheExpectation() {
    for (double probability : new double[] {0.1, 0.5, 0.9}) {
      double[] values = dropped(new Dropout(probability, 7, 0), 400, 250);
      long zeros = Arrays.stream(values).filter(value -> value == 0).count();
      double deviation = Math.sqrt(probability * (1 - probability) / values.length);
      assertEquals(probability, (double) zeros / values.length, 5 * deviation);
      assertEquals(1 / (1 - probability), Arrays.stream(values).max().orElseThrow(), 1e-6);
    }
  }

  @Test
  void keysAndRowsDiffer() {
    double[] first = dropped(new Dropout(0.5, 1, 0), 2, 640);
    double[] other = dropped(new Dropout(0.5, 2, 0), 2, 640);
    assertTrue(agreement(first, 0, other, 0) < 0.6, "two keys drop alike");
    assertTrue(agreement(first, 0, first, 640) < 0.6, "two rows drop alike");
    assertTrue(agreement(first, 0, first, 64) < 0.6, "two blocks of columns drop alike");
  }

  /// Share of 576 elements that are dropped in both or in none.
  private static double agreement(double[] a, int fromA, double[] b, int fromB) {
    int equal = 0;
    for (int i = 0; i < 576; i++) {
      equal += a[fromA + i] == b[fromB + i] ? 1 : 0;
    }
    return equal / 576.0;
  }

  @Test
  void probabilitiesOutsideTheRangeAreRefused() {
    for (double bad : new double[] {-0.1, 1, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> new Dropout(bad, 0, 0));
      assertThrows(IllegalArgumentException.class, () -> new Loss(bad, 0));
    }
  }
}
