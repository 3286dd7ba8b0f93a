package dev.bellows.trainer.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.trainer.control.ControlMessage.Register;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RosterTest {
  private static final MemoryNeed FITS = new MemoryNeed(1, 1, 1, 1, 1, 1, 6);

  private final Roster roster = new Roster(3, "right");

  static Register register(int partition, int attempt, String host) {
    return register(partition, attempt, host, "cpu", FITS, "right");
  }

  private static Register register(
      int partition, int attempt, String host, String fingerprint, MemoryNeed need, String nonce) {
    Member member =
        new Member(
            -1,
            "executor-" + partition,
            host,
            10 + partition,
            partition,
            attempt,
            "c:" + partition,
            "d:" + partition);
    return new Register(1, member, 2, fingerprint, "", need, nonce);
  }

  private void admit(Register registration) {
    assertEquals(Optional.empty(), roster.admit(registration));
  }

  private void assertRefused(Register registration, ErrorCategory category, String... parts) {
    ControlMessage.Refusal refusal = roster.admit(registration).orElseThrow();
    assertEquals(category, refusal.category());
    for (String part : parts) {
      assertTrue(refusal.sentence().contains(part), refusal.sentence());
    }
  }

  @Test
  void ranksAreContiguousPerHostWhateverTheOrderOfArrival() {
    admit(register(2, 0, "a"));
    admit(register(1, 0, "b"));
    assertFalse(roster.isComplete());
    admit(register(0, 0, "a"));
    assertTrue(roster.isComplete());
    List<Member> members = roster.members();
    assertEquals(List.of(0, 2, 1), members.stream().map(Member::partition).toList());
    assertEquals(List.of(0, 1, 2), members.stream().map(Member::rank).toList());
    assertEquals(List.of("a", "a", "b"), members.stream().map(Member::host).toList());
    assertEquals("c:2", members.get(1).controlAddress());
    assertEquals("d:2", members.get(1).dataAddress());
  }

  @Test
  void aRepeatedRegistrationChangesNothingAndALaterAttemptReplaces() {
    admit(register(0, 0, "a"));
    admit(register(0, 0, "a"));
    assertEquals(1, roster.count());
    admit(register(0, 1, "b"));
    assertEquals(1, roster.count());
    assertEquals("b", roster.members().getFirst().host());
    admit(register(0, 0, "a"));
    assertEquals("b", roster.members().getFirst().host(), "the fenced attempt is not taken back");
  }

  @Test
  void refusesInOneSentence() {
    admit(register(0, 0, "a"));
    assertRefused(
        register(1, 0, "b", "cpu", FITS, "it cannot read /x/nonce"),
        ErrorCategory.STORAGE,
        "host b ",
        "it cannot read /x/nonce",
        "run.folder");
    assertRefused(
        register(1, 0, "b", "cpu", new MemoryNeed(1, 1, 1, 1, 1, 2, 6), "right"),
        ErrorCategory.RESOURCE,
        "host b needs",
        "workers.memory");
    assertRefused(
        register(1, 0, "b", "gpu", FITS, "right"),
        ErrorCategory.CONFIGURATION,
        "host b computes with gpu but host a with cpu");
    assertEquals(1, roster.count());
  }
}
