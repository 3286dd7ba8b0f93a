package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.security.Refusal;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two ends of a link in clear without a network between them: the test carries packets from one to the other.
class PlainPacketsTest {
  private static final int LARGE = 60_000;

  @TempDir private Path folder;
  private final Chunk arrived = new Chunk();

  private static PlainPackets side(Optional<RingPair> rings) {
    return new PlainPackets(Packet.plain(1, 1), rings, new Strangers("a test"));
  }

  private static Chunk chunk(int length, int fill) {
    MemorySegment payload = MemorySegment.ofArray(new byte[length]).fill((byte) fill);
    return new Chunk().set(11, 12, 13, payload, 0, length);
  }

  /// The packet in memory outside the heap, as Aeron's buffers are.
  private static UnsafeBuffer write(PlainPackets from, long kind, Chunk chunk) {
    int bytes = from.bytes(kind, chunk);
    UnsafeBuffer packet = new UnsafeBuffer(ByteBuffer.allocateDirect(bytes));
    from.write(packet, 0, kind, chunk);
    return packet;
  }

  private long read(PlainPackets at, UnsafeBuffer packet) {
    return at.read(packet, 0, packet.capacity(), new Header(0, 16, "image"), arrived);
  }

  private void assertArrived(int length, int fill) {
    assertEquals(length + " bytes at 13 of tensor 12 of operation 11", arrived.toString());
    assertArrayEquals(
        MemorySegment.ofArray(new byte[length]).fill((byte) fill).toArray(ValueLayout.JAVA_BYTE),
        arrived.memory().asSlice(arrived.at(), length).toArray(ValueLayout.JAVA_BYTE));
  }

  /// Large payloads leave only their header in the packet, small ones travel in it, and the order of both is that of the packets.
  @Test
  void largePayloadsLieInTheRing() {
    try (RingPair there = new RingPair(folder, 0, 1);
        RingPair back = new RingPair(folder, 1, 0)) {
      PlainPackets a = side(Optional.of(there));
      PlainPackets b = side(Optional.of(back));
      assertEquals(Packet.HELLO, read(b, write(a, a.greeting(), new Chunk())));
      assertEquals(LinkPackets.NOTHING, a.greeting());
      for (int round = 0; round < 50; round++) {
        UnsafeBuffer large = write(a, Packet.DATA, chunk(LARGE, round));
        UnsafeBuffer small = write(a, Packet.DATA, chunk(100, -round));
        assertEquals(Packet.HEADER_BYTES, large.capacity());
        assertEquals(Packet.HEADER_BYTES + 100, small.capacity());
        assertEquals(Packet.DATA, read(b, large));
        assertArrived(LARGE, round);
        b.taken();
        assertEquals(Packet.DATA, read(b, small));
        assertArrived(100, -round);
        b.taken();
      }
      assertEquals(Packet.GOODBYE, read(b, write(a, Packet.GOODBYE, new Chunk())));
      assertEquals(0, b.strangers().total());
    }
  }

  /// The writer gets room back when a payload was taken, not when it was read.
  @Test
  void aPayloadIsNotOverwrittenBeforeItIsTaken() {
    try (RingPair there = new RingPair(folder, 0, 1);
        RingPair back = new RingPair(folder, 1, 0)) {
      PlainPackets a = side(Optional.of(there));
      PlainPackets b = side(Optional.of(back));
      read(b, write(a, a.greeting(), new Chunk()));
      UnsafeBuffer first = write(a, Packet.DATA, chunk(LARGE, 7));
      while (a.bytes(Packet.DATA, chunk(LARGE, 8)) != LinkPackets.NO_ROOM) {
        write(a, Packet.DATA, chunk(LARGE, 8));
      }
      for (int i = 0; i < 2; i++) {
        assertEquals(Packet.DATA, read(b, first));
        assertEquals(LinkPackets.NO_ROOM, a.bytes(Packet.DATA, chunk(LARGE, 9)));
        assertArrived(LARGE, 7);
      }
      b.taken();
      assertEquals(Packet.HEADER_BYTES, a.bytes(Packet.DATA, chunk(LARGE, 9)));
    }
  }

  /// Who forges a packet on a link between hosts cannot make its receiver look for a ring or for a step of the handshake.
  @Test
  void kindsOfOtherLinksAreStrangers() {
    PlainPackets b = side(Optional.empty());
    long[] kinds = {Packet.READY, Packet.inRing(LARGE), 5, -1};
    for (long kind : kinds) {
      UnsafeBuffer packet = new UnsafeBuffer(ByteBuffer.allocateDirect(Packet.HEADER_BYTES));
      Packet.plain(1, 1).write(packet, 0, kind, new Chunk(), 0);
      assertEquals(LinkPackets.NOTHING, read(b, packet), "kind " + kind);
    }
    assertEquals(kinds.length, b.strangers().count(Refusal.FOREIGN));
  }
}
