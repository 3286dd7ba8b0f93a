package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SlicesTest {
  @Test
  void slicesFollowEachOther() {
    Slices slices = Slices.of(3, 0, 4);
    assertEquals(3, slices.ranks());
    assertEquals(3, slices.start(1));
    assertEquals(3, slices.start(2));
    assertEquals(0, slices.length(1));
    assertEquals(7, slices.start(3));
    assertEquals(7, slices.total());
    assertEquals("[3, 0, 4]", slices.toString());
  }

  @Test
  void evenSlicesDifferByOneAtMost() {
    assertEquals(Slices.of(3, 3, 2), Slices.even(8, 3));
    assertEquals(Slices.of(1, 1, 0, 0), Slices.even(2, 4));
    assertEquals(Slices.of(0), Slices.even(0, 1));
  }

  @Test
  void refusesNegativeLengthsAndNoRanks() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Slices.of(1, -2)).getMessage();
    assertTrue(message.contains("rank 1") && message.contains("-2"), message);
    assertThrows(IllegalArgumentException.class, () -> Slices.of());
  }
}
