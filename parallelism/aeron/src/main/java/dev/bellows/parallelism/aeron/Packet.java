package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import java.lang.foreign.MemorySegment;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// The 64 bytes in front of each payload: eight little-endian 64-bit fields, so that the payload keeps its alignment.
///
/// | at | field |
/// |---|---|
/// | 0 | magic "BELLOW", 0 in clear or 1 sealed, version |
/// | 8 | run id |
/// | 16 | generation |
/// | 24 | kind: data, hello, goodbye, ready (sealed only), data in a ring (in clear only); of the last also the length of the payload times 256 |
/// | 32 | operation |
/// | 40 | tensor |
/// | 48 | offset |
/// | 56 | sealed: number of the packet in its stream; in clear: position of the payload in the [SharedRing], or 0 |
final class Packet {
  static final int HEADER_BYTES = 64;
  static final long DATA = 0;
  static final long HELLO = 1;
  static final long GOODBYE = 2;
  static final long READY = 3;
  static final long IN_RING = 4;
  private static final long MAGIC = 0x42454c4c4f570001L;
  private static final long SEALED_MAGIC = 0x42454c4c4f570101L;

  private final long magic;
  private final long runId;
  private final long generation;

  private Packet(long magic, long runId, int generation) {
    this.magic = magic;
    this.runId = runId;
    this.generation = generation;
  }

  /// Packets in clear.
  static Packet plain(long runId, int generation) {
    return new Packet(MAGIC, runId, generation);
  }

  /// Packets whose payload is encrypted.
  static Packet sealed(long runId, int generation) {
    return new Packet(SEALED_MAGIC, runId, generation);
  }

  /// Writes the header of a packet of `kind` with `last` as its last field; the place of the payload is that of `chunk`.
  void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk, long last) {
    buffer.putLong(at, magic);
    buffer.putLong(at + 8, runId);
    buffer.putLong(at + 16, generation);
    buffer.putLong(at + 24, kind);
    buffer.putLong(at + 32, chunk.operation());
    buffer.putLong(at + 40, chunk.tensor());
    buffer.putLong(at + 48, chunk.offset());
    buffer.putLong(at + 56, last);
  }

  /// Whether the packet is of this run and generation.
  boolean isOurs(DirectBuffer buffer, int at, int length) {
    return length >= HEADER_BYTES
        && buffer.getLong(at) == magic
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

  static long ringPosition(DirectBuffer buffer, int at) {
    return buffer.getLong(at + 56);
  }

  static long counter(DirectBuffer buffer, int at) {
    return buffer.getLong(at + 56);
  }

  /// Bytes of the payload of a packet that lies in a ring.
  static long ringLength(DirectBuffer buffer, int at) {
    return buffer.getLong(at + 24) >>> 8;
  }

  /// Sets `chunk` to the place that the header names and the `payload` bytes at `payloadAt` of `memory`.
  static void read(
      DirectBuffer header,
      int at,
      MemorySegment memory,
      long payloadAt,
      long payload,
      Chunk chunk) {
    chunk.set(
        header.getLong(at + 32),
        (int) header.getLong(at + 40),
        header.getLong(at + 48),
        memory,
        payloadAt,
        payload);
  }
}
