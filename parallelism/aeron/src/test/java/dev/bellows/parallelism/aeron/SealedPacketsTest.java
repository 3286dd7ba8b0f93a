package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.security.Handshake;
import dev.bellows.parallelism.security.Refusal;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.parallelism.security.StreamName;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Two ends of a link without a network between them: the test carries packets from one to the other, and is the stranger too.
class SealedPacketsTest {
  private static final StreamName THERE = new StreamName("data", 1, 1, 1, "a", "b");
  private static final StreamName BACK = new StreamName("data", 1, 1, 2, "b", "a");
  private static final RunKey KEY = RunKey.fresh();

  private final SealBuffers buffersOfA = new SealBuffers(256);
  private final SealBuffers buffersOfB = new SealBuffers(256);
  private final SealedPackets a = side(buffersOfA, THERE, BACK);
  private final SealedPackets b = side(buffersOfB, BACK, THERE);
  private final Chunk arrived = new Chunk();

  /// Aeron's stream from a to b, and a stranger's to b.
  private final Object genuine = "genuine";

  private final Object rogue = "rogue";
  private int frames;

  private static SealedPackets side(SealBuffers buffers, StreamName out, StreamName in) {
    return new SealedPackets(
        Packet.sealed(1, 1),
        new Handshake(KEY, out, in),
        buffers,
        7,
        "rank 7",
        new Strangers("a test"));
  }

  @BeforeEach
  void shakeHands() {
    byte[] helloOfA = write(a, a.greeting(), new Chunk());
    byte[] helloOfB = write(b, b.greeting(), new Chunk());
    assertEquals(LinkPackets.NOTHING, a.greeting());
    assertEquals(LinkPackets.NOTHING, read(b, helloOfA, genuine));
    assertEquals(LinkPackets.NOTHING, read(a, helloOfB, genuine));
    assertEquals(Packet.READY, a.greeting());
    byte[] readyOfA = write(a, a.greeting(), new Chunk());
    byte[] readyOfB = write(b, b.greeting(), new Chunk());
    assertEquals(Packet.HELLO, read(b, readyOfA, genuine), "connected");
    assertEquals(Packet.HELLO, read(a, readyOfB, genuine), "connected");
  }

  @AfterEach
  void close() {
    buffersOfA.close();
    buffersOfB.close();
  }

  private static byte[] write(SealedPackets from, long kind, Chunk chunk) {
    byte[] packet = new byte[from.bytes(kind, chunk)];
    from.write(new UnsafeBuffer(packet), 0, kind, chunk);
    return packet;
  }

  private byte[] data(int... values) {
    byte[] payload = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      payload[i] = (byte) values[i];
    }
    return write(
        a,
        Packet.DATA,
        new Chunk().set(11, 12, 13, MemorySegment.ofArray(payload), 0, payload.length));
  }

  private Header header(Object image) {
    UnsafeBuffer frame = new UnsafeBuffer(new byte[32]);
    frame.putInt(0, 32 * ++frames);
    return new Header(0, 16, image).buffer(frame).offset(0);
  }

  private long read(SealedPackets at, byte[] packet, Object image) {
    return at.read(new UnsafeBuffer(packet), 0, packet.length, header(image), arrived);
  }

  private void assertArrives(byte[] packet, int... values) {
    assertEquals(Packet.DATA, read(b, packet, genuine));
    assertChunk(values);
    b.taken();
  }

  private void assertChunk(int... values) {
    assertEquals(values.length + " bytes at 13 of tensor 12 of operation 11", arrived.toString());
    byte[] expected = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      expected[i] = (byte) values[i];
    }
    assertArrayEquals(
        expected,
        arrived.memory().asSlice(arrived.at(), arrived.length()).toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void carriesChunksOfEveryLength() {
    assertArrives(data(1, 2, 3), 1, 2, 3);
    assertArrives(data());
    int[] full = new int[256];
    full[255] = -1;
    assertArrives(data(full), full);
    assertEquals(Packet.GOODBYE, read(b, write(a, Packet.GOODBYE, new Chunk()), genuine));
    assertEquals(0, b.strangers().total());
  }

  /// What the receiver does not want yet is offered again, without being opened twice, until it is accepted.
  @Test
  void aRefusedChunkComesAgain() {
    byte[] packet = data(5);
    Header first = header(genuine);
    for (int i = 0; i < 3; i++) {
      UnsafeBuffer buffer = new UnsafeBuffer(packet);
      assertEquals(Packet.DATA, b.read(buffer, 0, packet.length, first, arrived));
      assertChunk(5);
      // What was verified is used, whatever becomes of the frame.
      packet[packet.length - 1] ^= 1;
    }
    b.taken();
    assertArrives(data(6), 6);
  }

  @Test
  void strangersAreDroppedForTheirReasons() {
    byte[] old = data(1);
    assertArrives(old, 1);
    byte[] due = data(2);
    byte[] forged = due.clone();
    forged[64] ^= 1;
    assertDropped(Refusal.FORGED, forged);
    forged = due.clone();
    forged[48] ^= 1;
    assertDropped(Refusal.FORGED, forged);
    assertDropped(Refusal.REPLAYED, old);
    byte[] later = data(3);
    assertDropped(Refusal.REPLAYED, later);
    assertDropped(Refusal.FOREIGN, new byte[10]);
    assertDropped(Refusal.FOREIGN, new byte[5_000]);
    byte[] plain = new byte[100];
    Packet.plain(1, 1).write(new UnsafeBuffer(plain), 0, Packet.DATA, new Chunk(), 0);
    assertDropped(Refusal.FOREIGN, plain);
    byte[] stale = due.clone();
    new UnsafeBuffer(stale).putLong(16, 0);
    assertDropped(Refusal.FOREIGN, stale);
    byte[] tooLong = Arrays.copyOf(due, 64 + 256 + 17);
    assertDropped(Refusal.FOREIGN, tooLong);
    byte[] cut = Arrays.copyOf(due, 64 + 3);
    assertDropped(Refusal.FORGED, cut);
    SealedPackets other = side(buffersOfA, THERE, BACK);
    assertDropped(Refusal.REPLAYED, write(other, Packet.HELLO, new Chunk()));
    assertArrives(due, 2);
    assertArrives(later, 3);
    assertEquals(11, b.strangers().total());
  }

  private void assertDropped(Refusal why, byte[] packet) {
    long before = b.strangers().count(why);
    assertEquals(LinkPackets.NOTHING, read(b, packet, rogue));
    assertEquals(before + 1, b.strangers().count(why), why.words());
  }

  /// A copy that overtakes its original counts once, and takes the peer's stream nothing of its trust.
  @Test
  void aCopyThatOvertakesCountsOnce() {
    byte[] packet = data(1);
    assertEquals(Packet.DATA, read(b, packet, rogue));
    assertChunk(1);
    b.taken();
    assertEquals(LinkPackets.NOTHING, read(b, packet, genuine));
    assertArrives(data(2), 2);
    byte[] forged = data(3);
    forged[70] ^= 1;
    assertEquals(LinkPackets.NOTHING, read(b, forged, rogue));
  }

  /// Aeron's own frames are not authenticated. Who forges one inside the genuine stream ends it, but gets nothing in.
  @Test
  void aForgedFrameInTheGenuineStreamEndsIt() {
    assertArrives(data(1), 1);
    byte[] packet = data(2);
    packet[70] ^= 1;
    PeerLostException lost = assertThrows(PeerLostException.class, () -> read(b, packet, genuine));
    assertEquals(7, lost.peer());
    assertTrue(
        lost.getMessage().contains("packet 2 was changed in the stream of rank 7"),
        lost.getMessage());
  }

  @Test
  void aMissingPacketInTheGenuineStreamEndsIt() {
    assertArrives(data(1), 1);
    data(2);
    PeerLostException lost = assertThrows(PeerLostException.class, () -> read(b, data(3), genuine));
    assertTrue(lost.getMessage().contains("packet 2 is missing"), lost.getMessage());
  }
}
