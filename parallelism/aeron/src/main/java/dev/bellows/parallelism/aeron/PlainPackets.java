package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.security.Refusal;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// Packets in clear: chunks are read where they lie, in Aeron's buffers or, when they are large and the peer is on this host, in its ring.
final class PlainPackets implements LinkPackets {
  /// Term buffers of a stream.
  private static final int TERMS = 3;

  private final Packet packet;
  private final Optional<RingPair> rings;
  private final Strangers strangers;
  private final MemorySegment[] terms = new MemorySegment[TERMS];
  private final long[] termAddress = new long[TERMS];
  private int lastTerm;
  private boolean greeted;

  /// Where in the outgoing ring the next packet's payload goes.
  private long room;

  /// Where in the incoming ring the payload of the packet read last lies, and its length; no length when it lies elsewhere.
  private long ringPosition;

  private long ringLength;

  /// `rings` carry large payloads to and from a peer on this host.
  PlainPackets(Packet packet, Optional<RingPair> rings, Strangers strangers) {
    this.packet = packet;
    this.rings = rings;
    this.strangers = strangers;
  }

  @Override
  public long greeting() {
    return greeted ? NOTHING : Packet.HELLO;
  }

  @Override
  public int bytes(long kind, Chunk chunk) {
    if (!goesThroughRing(chunk)) {
      return Packet.HEADER_BYTES + (int) chunk.length();
    }
    room = rings.get().outgoing().room(chunk.length());
    return room < 0 ? NO_ROOM : Packet.HEADER_BYTES;
  }

  private boolean goesThroughRing(Chunk chunk) {
    return rings.isPresent() && chunk.length() >= RingPair.LEAST_BYTES;
  }

  @Override
  public void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk) {
    if (goesThroughRing(chunk)) {
      packet.write(buffer, at, Packet.inRing(chunk.length()), chunk, room);
      SharedRing ring = rings.get().outgoing();
      chunk.copyTo(ring.bytes(), SharedRing.offset(room));
      ring.publish(room, chunk.length());
      return;
    }
    packet.write(buffer, at, kind, chunk, 0);
    chunk.copyTo(AeronLink.MEMORY, buffer.addressOffset() + at + Packet.HEADER_BYTES);
    greeted |= kind == Packet.HELLO;
  }

  @Override
  public long read(DirectBuffer buffer, int at, int length, Header header, Chunk chunk) {
    if (!packet.isOurs(buffer, at, length)) {
      return drop(header);
    }
    ringLength = 0;
    long kind = Packet.kind(buffer, at);
    if (kind == Packet.DATA) {
      int payload = length - Packet.HEADER_BYTES;
      Packet.read(buffer, at, memory(buffer), at + Packet.HEADER_BYTES, payload, chunk);
    } else if (kind == Packet.IN_RING && rings.isPresent()) {
      readFromRing(rings.get().incoming(), buffer, at, chunk);
      return Packet.DATA;
    } else if (kind == Packet.HELLO) {
      rings.ifPresent(RingPair::openIncoming);
    } else if (kind != Packet.GOODBYE) {
      return drop(header);
    }
    return kind;
  }

  private void readFromRing(SharedRing ring, DirectBuffer buffer, int at, Chunk chunk) {
    ringPosition = Packet.ringPosition(buffer, at);
    ringLength = Packet.ringLength(buffer, at);
    long offset = SharedRing.offset(ringPosition);
    Packet.read(buffer, at, ring.bytes(), offset, ringLength, chunk);
  }

  private long drop(Header header) {
    strangers.count(Refusal.FOREIGN, header);
    return NOTHING;
  }

  /// The term that `buffer` is as a segment, made once per term.
  private MemorySegment memory(DirectBuffer buffer) {
    long address = buffer.addressOffset();
    if (terms[lastTerm] == null || termAddress[lastTerm] != address) {
      // The terms of a stream take turns, so the next one in the circle is the right one or the
      // oldest.
      lastTerm = (lastTerm + 1) % TERMS;
      if (terms[lastTerm] == null || termAddress[lastTerm] != address) {
        terms[lastTerm] = AeronLink.MEMORY.asSlice(address, buffer.capacity());
        termAddress[lastTerm] = address;
      }
    }
    return terms[lastTerm];
  }

  /// Gives the payload's room in the ring back to the peer.
  @Override
  public void taken() {
    if (ringLength > 0) {
      rings.orElseThrow().incoming().release(ringPosition, ringLength);
    }
  }

  @Override
  public Strangers strangers() {
    return strangers;
  }
}
