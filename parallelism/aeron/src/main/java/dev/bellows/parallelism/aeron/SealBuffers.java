package dev.bellows.parallelism.aeron;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.agrona.concurrent.UnsafeBuffer;

/// The memory in which a rank seals and opens packets: arrays for `javax.crypto`, which works fastest on them, shared by all links of the
/// rank, and a native buffer per link for the opened payload. Threads: the transport's.
final class SealBuffers implements AutoCloseable {
  private static final int ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();
  private final int chunkBytes;

  /// A packet as it is on the wire.
  final byte[] wire;

  /// The same, to be written and read by fields.
  final UnsafeBuffer wireBuffer;

  /// A payload in clear.
  final byte[] plain;

  /// The same as a segment.
  final MemorySegment plainSegment;

  SealBuffers(int chunkBytes) {
    this.chunkBytes = chunkBytes;
    // A hello carries a few bytes more than the smallest chunk.
    this.wire = new byte[Packet.HEADER_BYTES + chunkBytes + SealedPackets.MOST_OVERHEAD_BYTES];
    this.wireBuffer = new UnsafeBuffer(wire);
    this.plain = new byte[chunkBytes];
    this.plainSegment = MemorySegment.ofArray(plain);
  }

  /// Room for the payload of a link's chunk that is handed on; lives until [#close].
  MemorySegment opened() {
    return arena.allocate(chunkBytes, ALIGNMENT);
  }

  @Override
  public void close() {
    arena.close();
  }
}
