package dev.bellows.parallelism.security;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

class StreamCipherTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_261_124L);
  private static final int HEADER = 64;
  private static final RunKey KEY = RunKey.fresh();
  private static final byte[] SALT = SessionSalt.fresh();
  private static final StreamName NAME = new StreamName("data", 4711, 3, 1_001, "a", "b");

  private static StreamCipher cipher() {
    return new StreamCipher(KEY, SALT, NAME, "session");
  }

  private static byte[] random(int length) {
    byte[] bytes = new byte[length];
    new Random(SEED + length).nextBytes(bytes);
    return bytes;
  }

  /// A packet with a random header, sealed with `counter`.
  private static byte[] packet(StreamCipher cipher, long counter, byte[] plain) {
    byte[] packet = Arrays.copyOf(random(HEADER), HEADER + plain.length + StreamCipher.TAG_BYTES);
    assertEquals(packet.length, cipher.seal(counter, packet, HEADER, plain, plain.length));
    return packet;
  }

  private static boolean opens(StreamCipher cipher, long counter, byte[] packet) {
    return cipher.open(counter, packet, HEADER, packet.length, new byte[packet.length]);
  }

  @Test
  void opensWhatItSealedAtEveryLength() {
    StreamCipher out = cipher();
    StreamCipher in = cipher();
    int[] lengths = {0, 1, 15, 16, 17, 255, 7_679, 7_680, 7_681, 65_344};
    for (int i = 0; i < lengths.length; i++) {
      byte[] plain = random(lengths[i]);
      byte[] packet = packet(out, i, plain);
      byte[] opened = new byte[lengths[i]];
      assertTrue(in.open(i, packet, HEADER, packet.length, opened), lengths[i] + " bytes");
      assertArrayEquals(plain, opened);
      assertArrayEquals(random(HEADER), Arrays.copyOf(packet, HEADER), "the header is in clear");
      if (lengths[i] > 16) {
        assertFalse(HexFormat.of().formatHex(packet).contains(HexFormat.of().formatHex(plain)));
      }
    }
  }

  /// The oracle is `javax.crypto` used by hand: key by RFC 5869, nonce of 4 zero bytes and the counter.
  @Test
  void isAesGcmWithTheCounterAsNonce() throws Exception {
    byte[] plain = random(100);
    long counter = 0x0102030405L;
    byte[] packet = packet(cipher(), counter, plain);
    byte[] info = NAME.bytes("session");
    byte[] purpose = Arrays.copyOf(info, info.length + 8);
    long epoch = counter >>> 20;
    for (int i = 0; i < 8; i++) {
      purpose[info.length + i] = (byte) (epoch >>> 56 - 8 * i);
    }
    byte[] key = Hkdf.expand(Hkdf.extract(KEY.bytes(), SALT), purpose, StreamCipher.KEY_BYTES);
    Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding");
    byte[] nonce = {0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5};
    gcm.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, nonce));
    gcm.updateAAD(random(HEADER));
    assertArrayEquals(gcm.doFinal(plain), Arrays.copyOfRange(packet, HEADER, packet.length));
  }

  @Test
  void noBitMayChange() {
    byte[] packet = packet(cipher(), 7, random(40));
    StreamCipher in = cipher();
    for (int bit = 0; bit < 8 * packet.length; bit++) {
      packet[bit / 8] ^= (byte) (1 << bit % 8);
      assertFalse(opens(in, 7, packet), "bit " + bit);
      packet[bit / 8] ^= (byte) (1 << bit % 8);
    }
    for (int length = 0; length < packet.length; length++) {
      assertFalse(in.open(7, packet, HEADER, length, new byte[40]), length + " bytes");
    }
    assertFalse(opens(in, 6, packet));
    assertFalse(opens(in, 8, packet));
    assertTrue(opens(in, 7, packet), "the control: nothing of this broke the opener");
  }

  /// Whatever a key is bound to makes another key.
  @Test
  void everythingInTheNameMatters() {
    byte[] packet = packet(cipher(), 0, random(40));
    List<StreamCipher> others = new ArrayList<>();
    others.add(new StreamCipher(RunKey.fresh(), SALT, NAME, "session"));
    others.add(new StreamCipher(KEY, SessionSalt.fresh(), NAME, "session"));
    others.add(new StreamCipher(KEY, SALT, NAME, "hello"));
    for (StreamName name :
        List.of(
            new StreamName("control", 4711, 3, 1_001, "a", "b"),
            new StreamName("data", 4712, 3, 1_001, "a", "b"),
            new StreamName("data", 4711, 2, 1_001, "a", "b"),
            new StreamName("data", 4711, 3, 1_002, "a", "b"),
            new StreamName("data", 4711, 3, 1_001, "b", "a"),
            new StreamName("data", 4711, 3, 1_001, "ab", ""))) {
      others.add(new StreamCipher(KEY, SALT, name, "session"));
    }
    for (int i = 0; i < others.size(); i++) {
      assertFalse(opens(others.get(i), 0, packet), "other name " + i);
    }
    assertTrue(opens(cipher(), 0, packet));
  }

  @Test
  void theKeyChangesWithTheEpochOnBothSides() {
    List<String> keys = new ArrayList<>();
    try (NonceRecorder pairs = new NonceRecorder()) {
      StreamCipher out = new StreamCipher(KEY, SALT, NAME, "session", 2);
      StreamCipher in = new StreamCipher(KEY, SALT, NAME, "session", 2);
      for (long counter = 0; counter < 12; counter++) {
        assertTrue(opens(in, counter, packet(out, counter, random(5))), "packet " + counter);
      }
      keys.addAll(pairs.keys());
      assertEquals(12, pairs.count());
      assertEquals(12, pairs.distinct());
    }
    assertEquals(3, keys.size());
    assertNotEquals(keys.get(0), keys.get(1));
  }

  /// The control of every test that asks for pairs: two ciphers without salts of their own do repeat one, and it is seen.
  @Test
  void aRepeatedPairIsSeen() {
    try (NonceRecorder pairs = new NonceRecorder()) {
      packet(cipher(), 5, random(1));
      packet(cipher(), 5, random(2));
      assertEquals(2, pairs.count());
      assertEquals(1, pairs.distinct());
    }
  }

  /// Garbage is made inside `javax.crypto` for each packet, whatever its size.
  @Test
  void garbagePerPacketDoesNotGrowWithThePacket() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] perPacket = new long[2];
    int[] lengths = {1_312, 65_344};
    for (int i = 0; i < lengths.length; i++) {
      StreamCipher out = new StreamCipher(KEY, SessionSalt.fresh(), NAME, "session");
      byte[] plain = random(lengths[i]);
      byte[] packet = new byte[HEADER + lengths[i] + StreamCipher.TAG_BYTES];
      int rounds = 2_000;
      long before = 0;
      for (int counter = 0; counter < 2 * rounds; counter++) {
        if (counter == rounds) {
          before = threads.getCurrentThreadAllocatedBytes();
        }
        out.seal(counter, packet, HEADER, plain, lengths[i]);
      }
      perPacket[i] = (threads.getCurrentThreadAllocatedBytes() - before) / rounds;
    }
    assertTrue(
        perPacket[0] < 4_096 && perPacket[1] < 4_096,
        "bytes per packet " + Arrays.toString(perPacket));
  }
}
