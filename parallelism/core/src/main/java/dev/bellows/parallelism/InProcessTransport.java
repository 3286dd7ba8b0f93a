package dev.bellows.parallelism;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// A rank of a world whose ranks are threads of one JVM. One bounded ring of chunks per ordered pair of ranks, so back pressure is real.
final class InProcessTransport implements Transport {
  private final Fabric fabric;
  private final int rank;
  private final List<String> hosts;

  /// `hosts` are the names that the ranks give for their hosts, by rank.
  InProcessTransport(Fabric fabric, int rank, List<String> hosts) {
    this.fabric = fabric;
    this.rank = rank;
    this.hosts = hosts;
  }

  /// What the ranks of one generation share.
  static final class Fabric {
    private final int worldSize;
    private final int chunkBytes;
    private final Ring[] rings;

    Fabric(int worldSize, int chunkBytes, int slots) {
      this.worldSize = worldSize;
      this.chunkBytes = chunkBytes;
      this.rings = new Ring[worldSize * worldSize];
      for (int i = 0; i < rings.length; i++) {
        rings[i] = new Ring(i / worldSize == i % worldSize ? 0 : slots, chunkBytes);
      }
    }

    private Ring ring(int from, int to) {
      return rings[from * worldSize + to];
    }

    private boolean isClosed(int rank) {
      return ring(rank, rank).closed;
    }
  }

  /// A ring with one writer and one reader; a slot belongs to the writer until `written` passes it, then to the reader until `read` does.
  private static final class Ring {
    private final Chunk[] slots;
    private final MemorySegment memory;
    private final int chunkBytes;
    private final AtomicLong written = new AtomicLong();
    private final AtomicLong read = new AtomicLong();
    private volatile boolean closed;

    Ring(int size, int chunkBytes) {
      this.chunkBytes = chunkBytes;
      memory = Arena.ofAuto().allocate((long) size * chunkBytes, 64);
      slots = new Chunk[size];
      for (int i = 0; i < size; i++) {
        slots[i] = new Chunk();
      }
    }

    boolean offer(Chunk chunk) {
      long position = written.getPlain();
      if (position - read.getAcquire() == slots.length) {
        return false;
      }
      int slot = (int) (position % slots.length);
      long at = (long) slot * chunkBytes;
      chunk.copyTo(memory, at);
      slots[slot].set(
          chunk.operation(), chunk.tensor(), chunk.offset(), memory, at, chunk.length());
      written.setRelease(position + 1);
      return true;
    }

    int poll(ChunkHandler handler, int limit) {
      long position = read.getPlain();
      int waiting = (int) Math.min(limit, written.getAcquire() - position);
      for (int i = 0; i < waiting; i++, position++) {
        Chunk chunk = slots[(int) (position % slots.length)];
        if (!handler.accepts(chunk)) {
          return i;
        }
        try {
          handler.onChunk(chunk);
        } finally {
          read.setRelease(position + 1);
        }
      }
      return waiting;
    }
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int worldSize() {
    return fabric.worldSize;
  }

  @Override
  public int maxChunkBytes() {
    return fabric.chunkBytes;
  }

  @Override
  public boolean offer(int peer, Chunk chunk) {
    if (chunk.length() > fabric.chunkBytes) {
      throw new IllegalArgumentException(
          "a chunk of " + chunk.length() + " bytes is larger than " + fabric.chunkBytes);
    }
    requireOpen();
    return !fabric.isClosed(peer) && fabric.ring(rank, peer).offer(chunk);
  }

  @Override
  public int poll(int peer, ChunkHandler handler, int limit) {
    requireOpen();
    return fabric.ring(peer, rank).poll(handler, limit);
  }

  private void requireOpen() {
    if (fabric.isClosed(rank)) {
      throw new IllegalStateException("the transport of rank " + rank + " is closed");
    }
  }

  @Override
  public String describe(int peer) {
    return "rank " + peer + " in this process";
  }

  @Override
  public String host(int peer) {
    return hosts.get(peer);
  }

  @Override
  public boolean isLost(int peer) {
    Ring ring = fabric.ring(peer, rank);
    return fabric.isClosed(peer) && ring.written.getAcquire() == ring.read.getPlain();
  }

  @Override
  public long strangers() {
    return 0;
  }

  @Override
  public void close() {
    fabric.ring(rank, rank).closed = true;
  }
}
