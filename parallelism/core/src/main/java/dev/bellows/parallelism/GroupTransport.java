package dev.bellows.parallelism;

import java.util.Arrays;

/// Some ranks of a world under numbers of their own, over the same links. Threads: one at a time.
final class GroupTransport implements Transport {
  private final Transport world;
  private final int[] ranks;
  private final int rank;

  /// The group of these ranks of `world`, in this order. Errors: [IllegalArgumentException] unless they are ranks of it, each once, and its own
  /// is one of them.
  GroupTransport(Transport world, int[] ranks) {
    boolean[] members = new boolean[world.worldSize()];
    int own = -1;
    for (int i = 0; i < ranks.length; i++) {
      if (ranks[i] < 0 || ranks[i] >= members.length || members[ranks[i]]) {
        throw new IllegalArgumentException(
            "the group "
                + Arrays.toString(ranks)
                + " must name ranks from 0 to "
                + (members.length - 1)
                + ", each once");
      }
      members[ranks[i]] = true;
      own = ranks[i] == world.rank() ? i : own;
    }
    if (own < 0) {
      throw new IllegalArgumentException(
          "rank " + world.rank() + " is not in the group " + Arrays.toString(ranks));
    }
    this.world = world;
    this.ranks = ranks.clone();
    this.rank = own;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int worldSize() {
    return ranks.length;
  }

  @Override
  public int maxChunkBytes() {
    return world.maxChunkBytes();
  }

  @Override
  public boolean offer(int peer, Chunk chunk) {
    return world.offer(ranks[peer], chunk);
  }

  @Override
  public int poll(int peer, ChunkHandler handler, int limit) {
    return world.poll(ranks[peer], handler, limit);
  }

  /// Names the rank of the world.
  @Override
  public String describe(int peer) {
    return world.describe(ranks[peer]);
  }

  @Override
  public String host(int peer) {
    return world.host(ranks[peer]);
  }

  @Override
  public boolean isLost(int peer) {
    return world.isLost(ranks[peer]);
  }

  @Override
  public long strangers() {
    return world.strangers();
  }

  /// Leaves the world's transport open.
  @Override
  public void close() {}
}
