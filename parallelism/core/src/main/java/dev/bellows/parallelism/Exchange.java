package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Broadcast, and the exchange of small records between all ranks. Reusable; threads: one at a time.
final class Exchange implements Transport.ChunkHandler {
  private static final int BURST = 8;

  private final Transport transport;
  private final PeerWait wait;
  private final int rank;
  private final int world;
  private final int chunkBytes;
  private final long[] sent;
  private final long[] received;
  private final boolean[] opened;
  private final MemorySegment[] records;

  private long operation;
  private int polled;

  Exchange(Transport transport, PeerWait wait) {
    this.transport = transport;
    this.wait = wait;
    this.rank = transport.rank();
    this.world = transport.worldSize();
    this.chunkBytes = transport.maxChunkBytes();
    this.sent = new long[world];
    this.received = new long[world];
    this.opened = new boolean[world];
    this.records = new MemorySegment[world];
  }

  private void begin(long operation) {
    this.operation = operation;
    Arrays.fill(sent, 0);
    Arrays.fill(received, 0);
    Arrays.fill(opened, false);
    Arrays.fill(records, MemorySegment.NULL);
    wait.reset();
  }

  /// Copies `x` of `root` to all ranks.
  void broadcast(long operation, MemorySegment x, int root) {
    begin(operation);
    if (rank != root) {
      records[root] = x;
      opened[root] = true;
      while (received[root] < x.byteSize()) {
        turn(poll(root, chunks(x.byteSize() - received[root])), root, "a broadcast");
      }
      return;
    }
    for (int awaited = root; awaited >= 0; ) {
      boolean moved = false;
      awaited = -1;
      for (int peer = 0; peer < world; peer++) {
        if (peer != rank && sent[peer] < x.byteSize()) {
          moved |= sendChunks(peer, x, 0);
          awaited = sent[peer] < x.byteSize() ? peer : awaited;
        }
      }
      if (awaited >= 0) {
        turn(moved, awaited, "a broadcast");
      }
    }
  }

  /// Sends `mine` to every rank and returns what each sent. The first chunk of a record carries its length in the header's tensor field,
  /// and is sent even when the record is empty.
  MemorySegment[] allToAll(long operation, MemorySegment mine) {
    begin(operation);
    boolean[] greeted = new boolean[world];
    while (true) {
      boolean moved = false;
      int awaited = -1;
      for (int i = 1; i < world; i++) {
        int peer = (rank + i) % world;
        if (!greeted[peer] || sent[peer] < mine.byteSize()) {
          greeted[peer] |=
              mine.byteSize() == 0
                  ? transport.offer(peer, new ChunkHeader(operation, 0, 0), mine)
                  : sendChunks(peer, mine, Math.toIntExact(mine.byteSize()));
          moved |= greeted[peer];
        }
        if (isMissing(peer)) {
          moved |= poll(peer, opened[peer] ? chunks(records[peer].byteSize() - received[peer]) : 1);
        }
        if (isMissing(peer) || !greeted[peer] || sent[peer] < mine.byteSize()) {
          awaited = peer;
        }
      }
      if (awaited < 0) {
        return records;
      }
      turn(moved, awaited, "an exchange");
    }
  }

  private boolean isMissing(int peer) {
    return !opened[peer] || received[peer] < records[peer].byteSize();
  }

  private int chunks(long bytes) {
    return (int) Math.min(BURST, (bytes + chunkBytes - 1) / chunkBytes);
  }

  private boolean sendChunks(int peer, MemorySegment x, int tensor) {
    boolean moved = false;
    for (int i = 0; i < BURST && sent[peer] < x.byteSize(); i++) {
      long length = Math.min(chunkBytes, x.byteSize() - sent[peer]);
      if (!transport.offer(
          peer, new ChunkHeader(operation, tensor, sent[peer]), x.asSlice(sent[peer], length))) {
        break;
      }
      sent[peer] += length;
      moved = true;
    }
    return moved;
  }

  private boolean poll(int peer, int limit) {
    polled = peer;
    return transport.poll(peer, this, limit) > 0;
  }

  private void turn(boolean moved, int awaited, String doing) {
    if (moved) {
      wait.reset();
      return;
    }
    if (transport.isLost(awaited)) {
      throw wait.lost(awaited, doing);
    }
    wait.idle(awaited);
  }

  @Override
  public void onChunk(ChunkHeader header, MemorySegment payload) {
    if (header.operation() == operation && !opened[polled] && header.tensor() >= 0) {
      records[polled] =
          MemorySegment.ofArray(new long[(header.tensor() + 7) / 8]).asSlice(0, header.tensor());
      opened[polled] = true;
    }
    MemorySegment record = records[polled];
    if (header.operation() != operation
        || header.offset() != received[polled]
        || payload.byteSize() > record.byteSize() - received[polled]) {
      throw new IllegalStateException(
          transport.describe(polled)
              + " sent "
              + header
              + " of "
              + payload.byteSize()
              + " bytes, which operation "
              + operation
              + " does not expect; all ranks must run the same operations on equal shapes in the"
              + " same order");
    }
    MemorySegment.copy(payload, 0, record, header.offset(), payload.byteSize());
    received[polled] += payload.byteSize();
  }
}
