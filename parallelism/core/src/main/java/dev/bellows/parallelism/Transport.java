package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;

/// Moves tensor chunks between the ranks of one generation.
///
/// Chunks from one peer arrive complete, once, and in the order they were sent; chunks of different peers are independent, and a
/// receiver takes from one peer at a time, so it decides in which order contributions are combined. Nothing blocks: back pressure is a
/// return value. Packets of another run or generation are dropped and counted. Threads: one at a time.
public interface Transport extends AutoCloseable {
  /// Receives one chunk.
  @FunctionalInterface
  interface ChunkHandler {
    /// `payload` is borrowed from the receive buffer until the method returns.
    void onChunk(ChunkHeader header, MemorySegment payload);
  }

  /// This rank.
  int rank();

  /// Number of ranks.
  int worldSize();

  /// Largest payload of one chunk in bytes, a multiple of 64.
  int maxChunkBytes();

  /// Offers a chunk to `peer`. `payload` is copied before this returns. Returns false on back pressure: try again after polling.
  boolean offer(int peer, ChunkHeader header, MemorySegment payload);

  /// Takes at most `limit` chunks that `peer` sent. Returns how many. Exceptions of `handler` end the call and reach the caller; the chunk
  /// counts as taken.
  int poll(int peer, ChunkHandler handler, int limit);

  /// Where `peer` is, for error messages: host, pid, rank.
  String describe(int peer);

  /// Whether `peer` is known to be gone and nothing of it is left to [#poll]; a wait for it may end at once.
  boolean isLost(int peer);

  /// Packets of other runs or generations that were dropped.
  long strangers();

  /// Says goodbye, so that the peers' [#isLost] becomes true once they have taken what was sent. Returns soon, also when peers hang.
  @Override
  void close();

  /// The transport of a run with one rank: no peers.
  static Transport single() {
    return new SingleTransport();
  }
}
