package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import java.lang.foreign.MemorySegment;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// The 64 bytes in front of each payload: eight little-endian 64-bit fields, so that the payload keeps its alignment.
///
/// | at | field |
/// |---|---|
/// | 0 | magic "BELLOW" and version |
/// | 8 | run id |
/// | 16 | generation |
/// | 24 | kind: data, hello, goodbye, data in a ring; of the last the length of the payload times 256 |
/// | 32 | operation |
/// | 40 | tensor |
/// | 48 | offset |
/// | 56 | position of the payload in the [SharedRing], or 0 |
final class Packet {
  static final int HEADER_BYTES = 64;
  static final long DATA = 0;
  static final long HELLO = 1;
  static final long GOODBYE = 2;
  static final long IN_RING = 3;
  private static final long MAGIC = 0x42454c4c4f570001L;

  private final long runId;
  private final long generation;

  Packet(long runId, int generation) {
    this.runId = runId;
    this.generation = generation;
  }

  /// Writes the header of a packet of `kind`; the place of the payload is that of `chunk`.
  void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk) {
    buffer.putLong(at, MAGIC);
    buffer.putLong(at + 8, runId);
    buffer.putLong(at + 16, generation);
    buffer.putLong(at + 24, kind);
    buffer.putLong(at + 32, chunk.operation());
    buffer.putLong(at + 40, chunk.tensor());
    buffer.putLong(at + 48, chunk.offset());
    buffer.putLong(at + 56, 0);
  }

  /// Whether the packet is of this run and generation.
  boolean isOurs(DirectBuffer buffer, int at, int length) {
    return length >= HEADER_BYTES
        && buffer.getLong(at) == MAGIC
        && buffer.getLong(at + 8) == runId
        && buffer.getLong(at + 16) == generation;
  }

  static long kind(DirectBuffer buffer, int at) {
    return buffer.getLong(at + 24) & 0xff;
  }

  /// The kind of a packet whose payload of `length` bytes lies in a ring.
  static long inRing(long length) {
    return IN_RING | length << 8;
  }

  static void setRingPosition(MutableDirectBuffer buffer, int at, long position) {
    buffer.putLong(at + 56, position);
  }

  static long ringPosition(DirectBuffer buffer, int at) {
    return buffer.getLong(at + 56);
  }

  /// Sets `chunk` to what the packet of `length` bytes carries; `memory` is the whole of `buffer`.
  static void read(DirectBuffer buffer, int at, int length, MemorySegment memory, Chunk chunk) {
    chunk.set(
        buffer.getLong(at + 32),
        (int) buffer.getLong(at + 40),
        buffer.getLong(at + 48),
        memory,
        at + HEADER_BYTES,
        length - HEADER_BYTES);
  }

  /// Sets `chunk` to what the packet describes and lies at `ringAt` of `ring`.
  static void readInRing(
      DirectBuffer buffer, int at, MemorySegment ring, long ringAt, Chunk chunk) {
    chunk.set(
        buffer.getLong(at + 32),
        (int) buffer.getLong(at + 40),
        buffer.getLong(at + 48),
        ring,
        ringAt,
        buffer.getLong(at + 24) >>> 8);
  }
}
