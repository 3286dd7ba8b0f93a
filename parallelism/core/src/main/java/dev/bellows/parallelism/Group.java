package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;

/// Some ranks of the world, and what carries out their operations, one at a time. Threads: one at a time.
final class Group {
  private final int[] worldRanks;
  private final int rank;
  private final long[] peers;
  private final TreeReduce reduce;
  private final BlockExchange blocks;
  private final RecordExchange records;

  /// The group of these ranks of the world, which `transport` numbers in this order.
  Group(Links links, int[] worldRanks, Transport transport, WaitGuard guard) {
    PeerWait wait = new PeerWait(links, worldRanks, guard);
    this.worldRanks = worldRanks;
    this.rank = transport.rank();
    this.peers = noPeers(links.worldSize());
    for (int i = 0; i < worldRanks.length; i++) {
      if (i != rank) {
        peers[worldRanks[i] / Long.SIZE] |= 1L << worldRanks[i];
      }
    }
    this.reduce = new TreeReduce(transport, wait);
    this.blocks = new BlockExchange(transport, wait);
    this.records = new RecordExchange(transport, wait);
  }

  /// An empty set of ranks of the world, as bits.
  static long[] noPeers(int worldSize) {
    return new long[(worldSize + Long.SIZE - 1) / Long.SIZE];
  }

  int rank() {
    return rank;
  }

  int size() {
    return worldRanks.length;
  }

  int worldRank(int peer) {
    return worldRanks[peer];
  }

  /// Adds the other ranks of the group to `set`.
  void addPeers(long[] set) {
    for (int i = 0; i < set.length; i++) {
      set[i] |= peers[i];
    }
  }

  /// Whether any of the other ranks is in `set`.
  boolean hasPeers(long[] set) {
    for (int i = 0; i < set.length; i++) {
      if ((set[i] & peers[i]) != 0) {
        return true;
      }
    }
    return false;
  }

  /// Begins `operation`; the group's operation before it is over.
  Exchange begin(PendingOperation operation) {
    return switch (operation.kind) {
      case ALL_REDUCE, HOSTS_SUM -> reduce.allReduce(operation);
      case REDUCE_SCATTER, HOST_SUM -> reduce.reduceScatter(operation);
      case ALL_GATHER, HOST_SHARE -> blocks.allGather(operation);
      case ALL_TO_ALL -> blocks.allToAll(operation);
      case BROADCAST -> blocks.broadcast(operation);
      case RECORDS, BARRIER -> records.begin(operation);
    };
  }

  /// What each rank sent in the last exchange of records.
  MemorySegment[] records() {
    return records.received();
  }
}
