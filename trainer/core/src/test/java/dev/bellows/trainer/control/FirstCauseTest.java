package dev.bellows.trainer.control;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.trainer.control.FirstCause.Strength;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class FirstCauseTest {
  private static final long BEAT = 100;

  private final FirstCause cause = new FirstCause(BEAT, 3);

  private void add(Strength strength, String sentence, long now) {
    cause.add(strength, ErrorCategory.TRANSPORT, sentence, sentence + " detail", now);
  }

  @Test
  void knowsNothingAtFirst() {
    assertEquals(OptionalLong.empty(), cause.decideAt());
  }

  @Test
  void decidesAtOnceWhenAWorkerNamesItsOwnError() {
    add(Strength.PEER_UNREACHABLE, "cannot reach 1", 1000);
    assertEquals(OptionalLong.of(1000 + 4 * BEAT), cause.decideAt());
    add(Strength.OWN_ERROR, "out of memory", 1050);
    assertEquals(OptionalLong.of(1050), cause.decideAt());
    assertEquals("out of memory", cause.sentence());
    assertEquals("out of memory detail", cause.detail());
  }

  @Test
  void waitsOneBeatAfterASilenceForItsReason() {
    add(Strength.PEER_UNREACHABLE, "cannot reach 1", 1000);
    add(Strength.SILENT, "1 is silent", 1250);
    assertEquals(OptionalLong.of(1350), cause.decideAt());
    assertEquals("1 is silent", cause.sentence());
    add(Strength.EXECUTOR_LOST, "1 was killed", 1300);
    assertEquals(OptionalLong.of(1300), cause.decideAt());
    assertEquals("1 was killed", cause.sentence());
  }

  @Test
  void aLateSilenceDoesNotPutOffTheVerdict() {
    add(Strength.PEER_UNREACHABLE, "cannot reach 1", 1000);
    add(Strength.SILENT, "1 is silent", 1390);
    assertEquals(OptionalLong.of(1400), cause.decideAt());
  }

  @Test
  void theFirstOfTheBestStrengthWinsInAnyOrder() {
    List<Strength> all = List.of(Strength.values());
    for (Strength first : all) {
      for (Strength second : all) {
        FirstCause both = new FirstCause(BEAT, 3);
        both.add(first, ErrorCategory.TRANSPORT, "first", "", 0);
        both.add(second, ErrorCategory.NUMERIC, "second", "", 1);
        boolean secondIsBetter = second.ordinal() < first.ordinal();
        assertEquals(
            secondIsBetter ? "second" : "first", both.sentence(), first + " then " + second);
        assertEquals(
            secondIsBetter ? ErrorCategory.NUMERIC : ErrorCategory.TRANSPORT, both.category());
      }
    }
  }
}
