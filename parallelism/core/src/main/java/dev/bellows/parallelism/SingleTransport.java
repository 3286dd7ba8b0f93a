package dev.bellows.parallelism;

/// A world of one rank.
final class SingleTransport implements Transport {
  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int worldSize() {
    return 1;
  }

  @Override
  public int maxChunkBytes() {
    return 65_536;
  }

  @Override
  public boolean offer(int peer, Chunk chunk) {
    throw new IllegalArgumentException("a world of one rank has no peer " + peer);
  }

  @Override
  public int poll(int peer, ChunkHandler handler, int limit) {
    throw new IllegalArgumentException("a world of one rank has no peer " + peer);
  }

  @Override
  public String describe(int peer) {
    return "rank " + peer;
  }

  @Override
  public boolean isLost(int peer) {
    return peer != 0;
  }

  @Override
  public long strangers() {
    return 0;
  }

  @Override
  public void close() {}
}
