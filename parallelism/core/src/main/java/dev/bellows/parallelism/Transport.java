package dev.bellows.parallelism;

/// Moves tensor chunks between the ranks of one generation.
///
/// Chunks from one peer arrive complete, once, and in the order they were sent; chunks of different peers are independent, and a
/// receiver takes from one peer at a time, so it decides in which order contributions are combined. Nothing blocks: back pressure is a
/// return value. Nothing is allocated per chunk, but by `javax.crypto` where a stream is encrypted. Packets of another run or generation, and
/// what no holder of the run's key sealed, are dropped and counted. Threads: one at a time.
public interface Transport extends AutoCloseable {
  /// Receives chunks.
  @FunctionalInterface
  interface ChunkHandler {
    /// Takes `chunk`, whose bytes are borrowed from the receive buffer until the method returns.
    void onChunk(Chunk chunk);

    /// Whether this handler takes `chunk`, asked before [#onChunk]. A refused chunk stays the first in line, and the poll ends.
    default boolean accepts(Chunk chunk) {
      return true;
    }
  }

  /// This rank.
  int rank();

  /// Number of ranks.
  int worldSize();

  /// Largest payload of one chunk in bytes, a multiple of 64.
  int maxChunkBytes();

  /// Offers a chunk to `peer`. Its bytes are copied before this returns. Returns false on back pressure: try again after polling.
  boolean offer(int peer, Chunk chunk);

  /// Takes at most `limit` chunks that `peer` sent. Returns how many. Exceptions of `handler` end the call and reach the caller; the chunk
  /// counts as taken.
  int poll(int peer, ChunkHandler handler, int limit);

  /// Where `peer` is, for error messages: host, pid, rank.
  String describe(int peer);

  /// The name of the host of `peer`, which may be this rank: ranks with equal names share memory.
  default String host(int peer) {
    return "";
  }

  /// Whether `peer` is known to be gone and nothing of it is left to [#poll]; a wait for it may end at once.
  boolean isLost(int peer);

  /// Packets that were dropped: of other runs or generations and, with encryption, forged or repeated ones.
  long strangers();

  /// Says goodbye, so that the peers' [#isLost] becomes true once they have taken what was sent. Returns soon, also when peers hang.
  @Override
  void close();

  /// The transport of a run with one rank: no peers.
  static Transport single() {
    return new SingleTransport();
  }
}
