package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Sends one block of bytes to each rank and receives one from each, where every rank knows all lengths that concern it: broadcast,
/// all-gather and all-to-all. A block lands at its final place; an empty one is not sent. Reusable; threads: one at a time.
final class BlockExchange implements Exchange, Transport.ChunkHandler {
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

  /// Copies `in` of the operation's root to all ranks.
  Exchange broadcast(PendingOperation operation) {
    long bytes = operation.in.byteSize();
    int root = operation.root;
    Arrays.fill(sendStart, 0);
    Arrays.fill(sendBytes, rank == root ? bytes : 0);
    Arrays.fill(receiveStart, 0);
    Arrays.fill(receiveBytes, 0);
    receiveBytes[root] = rank == root ? 0 : bytes;
    return begin(operation.number, operation.in, operation.in);
  }

  /// Puts every rank's `in` into its slice of `out`. `in` may be this rank's slice of `out`.
  Exchange allGather(PendingOperation operation) {
    long bytes = operation.slices.length(rank) * operation.elementBytes;
    Arrays.fill(sendStart, operation.inAt);
    Arrays.fill(sendBytes, bytes);
    set(receiveStart, receiveBytes, operation.slices, operation.elementBytes);
    copyOwn(operation.in, operation.inAt, operation.out);
    return begin(operation.number, operation.in, operation.out);
  }

  /// Sends the slices of `in` to the ranks and receives theirs into the slices `receive` of `out`.
  Exchange allToAll(PendingOperation operation) {
    set(sendStart, sendBytes, operation.slices, operation.elementBytes);
    set(receiveStart, receiveBytes, operation.receive, operation.elementBytes);
    copyOwn(operation.in, sendStart[rank], operation.out);
    return begin(operation.number, operation.in, operation.out);
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

  private Exchange begin(long operation, MemorySegment in, MemorySegment out) {
    this.operation = operation;
    this.in = in;
    this.out = out;
    Arrays.fill(sent, 0);
    Arrays.fill(received, 0);
    return this;
  }

  @Override
  public boolean turn() {
    boolean moved = false;
    for (int i = 1; i < world; i++) {
      int peer = (rank + i) % world;
      moved |= send(peer);
      moved |= receive(peer);
    }
    return moved;
  }

  /// One that still has to send, if there is one: it says more about what is missing than one that only has no room.
  @Override
  public int awaited() {
    int awaited = -1;
    for (int i = 1; i < world; i++) {
      int peer = (rank + i) % world;
      if (!isDone(peer) && (awaited < 0 || isMissing(peer) && !isMissing(awaited))) {
        awaited = peer;
      }
    }
    return awaited;
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

  @Override
  public void failIfLost() {
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
