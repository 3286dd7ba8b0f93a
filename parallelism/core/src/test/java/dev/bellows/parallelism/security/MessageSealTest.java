package dev.bellows.parallelism.security;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MessageSealTest {
  private static final RunKey KEY = RunKey.fresh();
  private static final byte[] HELLO = "hello".getBytes(StandardCharsets.UTF_8);

  private final List<Refusal> refusals = new ArrayList<>();
  private final MessageSeal driver = new MessageSeal(KEY, "driver:1");
  private final MessageSeal worker = new MessageSeal(KEY, "worker:2");

  private Optional<byte[]> open(MessageSeal at, byte[] packet) {
    return at.open(packet, refusals::add);
  }

  private void assertRefused(Refusal why, MessageSeal at, byte[] packet) {
    refusals.clear();
    assertTrue(open(at, packet).isEmpty());
    assertEquals(List.of(why), refusals);
  }

  @Test
  void carriesMessagesBothWays() {
    for (int i = 0; i < 100; i++) {
      byte[] there = worker.seal("driver:1", HELLO);
      assertEquals(HELLO.length + MessageSeal.OVERHEAD_BYTES, there.length);
      assertArrayEquals(HELLO, open(driver, there).orElseThrow());
      assertArrayEquals(
          new byte[] {(byte) i},
          open(worker, driver.seal("worker:2", new byte[] {(byte) i})).orElseThrow());
    }
    assertFalse(
        new String(worker.seal("driver:1", HELLO), StandardCharsets.ISO_8859_1).contains("hello"));
    assertEquals(List.of(), refusals);
  }

  @Test
  void eachMessageCountsOnce() {
    List<byte[]> packets = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      packets.add(worker.seal("driver:1", HELLO));
    }
    assertTrue(open(driver, packets.get(3)).isPresent(), "messages that never came leave gaps");
    assertTrue(open(driver, packets.get(1)).isPresent());
    assertRefused(Refusal.REPLAYED, driver, packets.get(1));
    assertRefused(Refusal.REPLAYED, driver, packets.get(3));
    assertTrue(open(driver, packets.get(4)).isPresent());
  }

  @Test
  void aMessageToOneIsNoMessageToAnother() {
    byte[] packet = driver.seal("worker:2", HELLO);
    assertRefused(Refusal.FORGED, new MessageSeal(KEY, "worker:3"), packet);
    assertRefused(Refusal.FORGED, driver, packet);
    assertTrue(open(worker, packet).isPresent());
  }

  @Test
  void strangersAreRefused() {
    assertRefused(
        Refusal.FORGED, driver, new MessageSeal(RunKey.fresh(), "x").seal("driver:1", HELLO));
    assertRefused(Refusal.FOREIGN, driver, HELLO);
    assertRefused(Refusal.FOREIGN, driver, new byte[500]);
    byte[] packet = worker.seal("driver:1", HELLO);
    for (int length = 0; length < packet.length; length++) {
      refusals.clear();
      assertTrue(open(driver, Arrays.copyOf(packet, length)).isEmpty(), length + " bytes");
      assertEquals(1, refusals.size());
    }
    for (int bit = 0; bit < 8 * packet.length; bit++) {
      packet[bit / 8] ^= (byte) (1 << bit % 8);
      assertTrue(open(driver, packet).isEmpty(), "bit " + bit);
      packet[bit / 8] ^= (byte) (1 << bit % 8);
    }
    assertTrue(open(driver, packet).isPresent(), "none of them moved the window");
  }

  /// Each endpoint has salts of its own, so that two with one key share no key of a session.
  @Test
  void twoSendersShareNoKey() {
    try (NonceRecorder pairs = new NonceRecorder()) {
      MessageSeal again = new MessageSeal(KEY, "worker:2");
      for (int i = 0; i < 10; i++) {
        assertTrue(open(driver, worker.seal("driver:1", HELLO)).isPresent());
        assertTrue(open(driver, again.seal("driver:1", HELLO)).isPresent());
        worker.seal("elsewhere:3", HELLO);
      }
      assertEquals(30, pairs.distinct());
      assertEquals(3, pairs.keys().size());
    }
  }
}
