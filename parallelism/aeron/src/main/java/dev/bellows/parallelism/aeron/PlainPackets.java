package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.security.Refusal;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// Packets in clear: chunks are read where they lie in Aeron's buffers.
final class PlainPackets implements LinkPackets {
  /// Term buffers of a stream.
  private static final int TERMS = 3;

  private final Packet packet;
  private final Strangers strangers;
  private final MemorySegment[] terms = new MemorySegment[TERMS];
  private final long[] termAddress = new long[TERMS];
  private int lastTerm;
  private boolean greeted;

  PlainPackets(Packet packet, Strangers strangers) {
    this.packet = packet;
    this.strangers = strangers;
  }

  @Override
  public long greeting() {
    return greeted ? NOTHING : Packet.HELLO;
  }

  @Override
  public int bytes(long kind, Chunk chunk) {
    return Packet.HEADER_BYTES + (int) chunk.length();
  }

  @Override
  public void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk) {
    packet.write(buffer, at, kind, chunk, 0);
    chunk.copyTo(AeronLink.MEMORY, buffer.addressOffset() + at + Packet.HEADER_BYTES);
    greeted |= kind == Packet.HELLO;
  }

  @Override
  public long read(DirectBuffer buffer, int at, int length, Header header, Chunk chunk) {
    if (!packet.isOurs(buffer, at, length)) {
      strangers.count(Refusal.FOREIGN, header);
      return NOTHING;
    }
    long kind = Packet.kind(buffer, at);
    if (kind == Packet.HELLO || kind == Packet.GOODBYE) {
      return kind;
    }
    Packet.read(buffer, at, length, memory(buffer), chunk);
    return Packet.DATA;
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

  @Override
  public void accepted() {}

  @Override
  public Strangers strangers() {
    return strangers;
  }
}
