package dev.bellows.parallelism.security;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HandshakeTest {
  private static final int HEADER = 8;
  private static final RunKey KEY = RunKey.fresh();
  private static final StreamName AB = new StreamName("data", 1, 1, 1, "a", "b");
  private static final StreamName BA = new StreamName("data", 1, 1, 2, "b", "a");

  private static Handshake a() {
    return new Handshake(KEY, AB, BA);
  }

  private static Handshake b() {
    return new Handshake(KEY, BA, AB);
  }

  private static byte[] hello(Handshake side) {
    byte[] packet = new byte[HEADER + Handshake.HELLO_BYTES];
    assertEquals(packet.length, side.hello(packet, HEADER));
    return packet;
  }

  private static byte[] ready(Handshake side) {
    byte[] packet = new byte[HEADER + StreamCipher.TAG_BYTES];
    assertEquals(packet.length, side.ready(packet, HEADER));
    return packet;
  }

  private static boolean take(Handshake side, byte[] hello) {
    return side.takeHello(hello, HEADER, hello.length);
  }

  private static Optional<Session> confirm(Handshake side, byte[] ready) {
    return side.confirm(ready, HEADER, ready.length);
  }

  private static byte[] seal(Session session, byte[] plain) {
    byte[] packet = new byte[HEADER + plain.length + Sealer.TAG_BYTES];
    int unused = session.sealer().seal(packet, HEADER, plain, plain.length);
    return packet;
  }

  private static void assertCarries(Session from, Session to, byte... plain) {
    byte[] packet = seal(from, plain);
    byte[] opened = new byte[plain.length];
    assertTrue(to.opener().open(packet, HEADER, packet.length, opened));
    assertArrayEquals(plain, opened);
    to.opener().taken();
    assertFalse(to.opener().open(packet, HEADER, packet.length, opened), "only once");
  }

  @Test
  void bothSidesAgree() {
    Handshake a = a();
    Handshake b = b();
    assertTrue(take(b, hello(a)));
    assertTrue(take(a, hello(b)));
    assertTrue(a.owesReady() && b.owesReady());
    byte[] readyOfA = ready(a);
    Session atB = confirm(b, readyOfA).orElseThrow();
    Session atA = confirm(a, ready(b)).orElseThrow();
    assertFalse(a.owesReady() || b.owesReady());
    assertEquals(1, atA.sealer().next());
    assertEquals(1, atB.opener().next());
    assertCarries(atA, atB, (byte) 1, (byte) 2);
    assertCarries(atB, atA, (byte) 3);
    assertCarries(atA, atB);
  }

  @Test
  void aHelloOfAnotherKeyStreamOrGenerationIsRefused() {
    Handshake b = b();
    assertFalse(take(b, hello(new Handshake(RunKey.fresh(), AB, BA))));
    StreamName older = new StreamName("data", 1, 0, 1, "a", "b");
    assertFalse(take(b, hello(new Handshake(KEY, older, BA))));
    StreamName attempt = new StreamName("data", 1, 1, 1, "a, again", "b");
    assertFalse(take(b, hello(new Handshake(KEY, attempt, BA))));
    assertFalse(take(b, hello(b())), "its own, sent back");
    byte[] hello = hello(a());
    for (int bit = 0; bit < 8 * hello.length; bit++) {
      hello[bit / 8] ^= (byte) (1 << bit % 8);
      assertFalse(take(b, hello), "bit " + bit);
      hello[bit / 8] ^= (byte) (1 << bit % 8);
    }
    assertFalse(b.owesReady());
    assertTrue(take(b, hello));
  }

  /// A whole link is recorded and played again to a side that restarted with the same key and name: its hello is authentic, and nothing
  /// follows from it.
  @Test
  void aRecordedLinkDoesNotComeBack() {
    Handshake a = a();
    Handshake b = b();
    byte[] hello = hello(a);
    assertTrue(take(b, hello));
    assertTrue(take(a, hello(b)));
    byte[] ready = ready(a);
    Session atB = confirm(b, ready).orElseThrow();
    assertTrue(b.owesReady());
    Session atA = confirm(a, ready(b)).orElseThrow();
    byte[] data = seal(atA, new byte[] {42});

    Handshake again = b();
    assertTrue(take(again, hello), "a recorded hello is authentic");
    byte[] readyToRecorded = ready(again);
    assertTrue(confirm(again, ready).isEmpty());
    assertTrue(confirm(again, data).isEmpty());
    // The living peer is not kept out by it.
    Handshake alive = a();
    assertTrue(take(again, hello(alive)));
    assertTrue(take(alive, hello(again)));
    assertTrue(confirm(alive, readyToRecorded).isEmpty());
    Session atAlive = confirm(alive, ready(again)).orElseThrow();
    Session atAgain = confirm(again, ready(alive)).orElseThrow();
    assertCarries(atAlive, atAgain, (byte) 1);
    assertFalse(
        atAgain.opener().open(data, HEADER, data.length, new byte[1]), "an old packet, number 1");
    assertTrue(atB.opener().open(data, HEADER, data.length, new byte[1]), "the control");
  }

  /// More recorded hellos than a side remembers.
  @Test
  void manyRecordedHellosUseUpNoMemory() {
    Handshake b = b();
    byte[] one = hello(a());
    for (int i = 0; i < 100; i++) {
      assertTrue(take(b, one), "the same again is the same");
    }
    int owed = 0;
    while (b.owesReady()) {
      ready(b);
      owed++;
    }
    assertEquals(1, owed);
    for (int i = 0; i < 20; i++) {
      take(b, hello(a()));
    }
    while (b.owesReady()) {
      ready(b);
      owed++;
    }
    assertEquals(8, owed);
    assertFalse(Arrays.equals(hello(a()), hello(a())), "salts are fresh");
  }
}
