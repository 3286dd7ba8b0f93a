package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.OperationNumbers.Kind;
import org.junit.jupiter.api.Test;

class OperationNumbersTest {
  @Test
  void groupsKindsCountsAndRanksAllMakeADifference() {
    int[] ranks = {0, 1, 3};
    long number = new OperationNumbers(5, ranks).next(Kind.BARRIER);
    assertEquals(number, new OperationNumbers(5, ranks.clone()).next(Kind.BARRIER));
    assertNotEquals(number, new OperationNumbers(6, ranks).next(Kind.BARRIER));
    assertNotEquals(number, new OperationNumbers(5, new int[] {1, 0, 3}).next(Kind.BARRIER));
    OperationNumbers numbers = new OperationNumbers(5, ranks);
    assertNotEquals(number, numbers.next(Kind.ALL_GATHER));
    assertNotEquals(number, numbers.next(Kind.BARRIER));
    assertEquals("a barrier (operation 3 of group 5)", describeNext(numbers, Kind.BARRIER));
    assertFalse(OperationNumbers.isMessage(number));
  }

  private static String describeNext(OperationNumbers numbers, Kind kind) {
    return OperationNumbers.describe(numbers.next(kind));
  }

  @Test
  void theLastGroupIsNotAMessage() {
    OperationNumbers numbers =
        new OperationNumbers(OperationNumbers.MAX_GROUPS, new int[] {9, 4, 77, 2});
    String words = describeNext(numbers, Kind.ALL_TO_ALL);
    assertEquals("an all-to-all (operation 1 of group 127)", words);
    assertTrue(OperationNumbers.isMessage(OperationNumbers.message(1)));
    assertEquals("message 12", OperationNumbers.describe(OperationNumbers.message(12)));
    assertEquals(
        "a broadcast (operation 1 of all ranks)",
        describeNext(new OperationNumbers(0, new int[] {0, 1}), Kind.BROADCAST));
  }
}
