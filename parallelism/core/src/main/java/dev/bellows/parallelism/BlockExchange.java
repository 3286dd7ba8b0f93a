package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Sends one block of bytes to each rank and receives one from each, where every rank knows all lengths that concern it: broadcast,
/// all-gather and all-to-all. A block lands at its final place; an empty one is not sent. Reusable; threads: one at a time.
final class BlockExchange implements Transport.ChunkHandler {
  private static final int BURST = 8;

  private final Transport transport;
  private final PeerWait wait;
  private final int rank;
  private final int world;
  private final int chunkBytes;
  private final Chunk outgoing = new Chunk();
  private final long[] sendStart;
  private final long[] sendBytes;
  private final long[] sent;
  private final long[] receiveStart;
  private final long[] receiveBytes;
  private final long[] received;

  private long operation;
  private MemorySegment in;
  private MemorySegment out;
  private int polled;

  BlockExchange(Transport transport, PeerWait wait) {
    this.transport = transport;
    this.wait = wait;
    this.rank = transport.rank();
    this.world = transport.worldSize();
    this.chunkBytes = transport.maxChunkBytes();
    this.sendStart = new long[world];
    this.sendBytes = new long[world];
    this.sent = new long[world];
    this.receiveStart = new long[world];
    this.receiveBytes = new long[world];
    this.received = new long[world];
  }

  /// Copies `x` of `root` to all ranks.
  void broadcast(long operation, MemorySegment x, int root) {
    Arrays.fill(sendStart, 0);
    Arrays.fill(sendBytes, rank == root ? x.byteSize() : 0);
    Arrays.fill(receiveStart, 0);
    Arrays.fill(receiveBytes, 0);
    receiveBytes[root] = rank == root ? 0 : x.byteSize();
    run(operation, x, x);
  }

  /// Puts every rank's `mine` into its slice of `all`. `mine` may be this rank's slice of `all`.
  void allGather(
      long operation, MemorySegment mine, Slices slices, int elementBytes, MemorySegment all) {
    Arrays.fill(sendStart, 0);
    Arrays.fill(sendBytes, mine.byteSize());
    set(receiveStart, receiveBytes, slices, elementBytes);
    copyOwn(mine, 0, all);
    run(operation, mine, all);
  }

  /// Sends the slices of `in` to the ranks and receives theirs into the slices of `out`.
  void allToAll(
      long operation,
      MemorySegment in,
      Slices send,
      MemorySegment out,
      Slices receive,
      int elementBytes) {
    set(sendStart, sendBytes, send, elementBytes);
    set(receiveStart, receiveBytes, receive, elementBytes);
    copyOwn(in, sendStart[rank], out);
    run(operation, in, out);
  }

  private static void set(long[] starts, long[] bytes, Slices slices, int elementBytes) {
    for (int rank = 0; rank < starts.length; rank++) {
      starts[rank] = slices.start(rank) * elementBytes;
      bytes[rank] = slices.length(rank) * elementBytes;
    }
  }

  private void copyOwn(MemorySegment from, long at, MemorySegment to) {
    boolean inPlace =
        from.isNative()
            && to.isNative()
            && from.address() + at == to.address() + receiveStart[rank];
    if (!inPlace) {
      MemorySegment.copy(from, at, to, receiveStart[rank], receiveBytes[rank]);
    }
  }

  private void run(long operation, MemorySegment in, MemorySegment out) {
    this.operation = operation;
    this.in = in;
    this.out = out;
    Arrays.fill(sent, 0);
    Arrays.fill(received, 0);
    wait.reset();
    while (true) {
      boolean moved = false;
      int awaited = -1;
      for (int i = 1; i < world; i++) {
        int peer = (rank + i) % world;
        moved |= send(peer);
        moved |= receive(peer);
        if (!isDone(peer) && (awaited < 0 || isMissing(peer) && !isMissing(awaited))) {
          awaited = peer;
        }
      }
      if (awaited < 0) {
        return;
      }
      if (moved) {
        wait.reset();
      } else {
        failIfLost();
        wait.idle(awaited);
      }
    }
  }

  private boolean isMissing(int peer) {
    return received[peer] < receiveBytes[peer];
  }

  private boolean isDone(int peer) {
    return !isMissing(peer) && sent[peer] == sendBytes[peer];
  }

  private boolean send(int peer) {
    boolean moved = false;
    for (int i = 0; i < BURST && sent[peer] < sendBytes[peer]; i++) {
      long length = Math.min(chunkBytes, sendBytes[peer] - sent[peer]);
      outgoing.set(operation, 0, sent[peer], in, sendStart[peer] + sent[peer], length);
      if (!transport.offer(peer, outgoing)) {
        break;
      }
      sent[peer] += length;
      moved = true;
    }
    return moved;
  }

  private boolean receive(int peer) {
    if (!isMissing(peer)) {
      return false;
    }
    polled = peer;
    long chunks = (receiveBytes[peer] - received[peer] + chunkBytes - 1) / chunkBytes;
    return transport.poll(peer, this, (int) Math.min(BURST, chunks)) > 0;
  }

  private void failIfLost() {
    for (int peer = 0; peer < world; peer++) {
      if (peer != rank && !isDone(peer) && transport.isLost(peer)) {
        throw wait.lost(peer, operation);
      }
    }
  }

  @Override
  public void onChunk(Chunk chunk) {
    long left = receiveBytes[polled] - received[polled];
    if (chunk.operation() != operation
        || chunk.offset() != received[polled]
        || chunk.length() != Math.min(chunkBytes, left)) {
      throw OperationNumbers.unexpected(transport.describe(polled), chunk, operation);
    }
    chunk.copyTo(out, receiveStart[polled] + received[polled]);
    received[polled] += chunk.length();
  }
}
