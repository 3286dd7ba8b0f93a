package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The exchange of small records of unknown length between all ranks, and with empty ones the barrier. Reusable; threads: one at a time.
final class RecordExchange implements Exchange, Transport.ChunkHandler {
  private static final int BURST = 8;

  private final Transport transport;
  private final PeerWait wait;
  private final int rank;
  private final int world;
  private final int chunkBytes;
  private final Chunk outgoing = new Chunk();
  private final long[] sent;
  private final long[] received;
  private final boolean[] greeted;
  private final boolean[] opened;
  private final MemorySegment[] records;

  private long operation;
  private MemorySegment mine;
  private int polled;

  RecordExchange(Transport transport, PeerWait wait) {
    this.transport = transport;
    this.wait = wait;
    this.rank = transport.rank();
    this.world = transport.worldSize();
    this.chunkBytes = transport.maxChunkBytes();
    this.sent = new long[world];
    this.received = new long[world];
    this.greeted = new boolean[world];
    this.opened = new boolean[world];
    this.records = new MemorySegment[world];
  }

  /// Sends `in` to every rank and receives what each sent. The first chunk of a record carries its length in the chunk's tensor field, and is
  /// sent even when the record is empty.
  Exchange begin(PendingOperation entry) {
    operation = entry.number;
    mine = entry.in;
    Arrays.fill(sent, 0);
    Arrays.fill(received, 0);
    Arrays.fill(greeted, false);
    Arrays.fill(opened, false);
    Arrays.fill(records, MemorySegment.NULL);
    return this;
  }

  /// What each rank sent, valid until the next exchange begins.
  MemorySegment[] received() {
    return records;
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

  @Override
  public int awaited() {
    for (int i = world - 1; i > 0; i--) {
      int peer = (rank + i) % world;
      if (!isDone(peer)) {
        return peer;
      }
    }
    return -1;
  }

  private boolean isMissing(int peer) {
    return !opened[peer] || received[peer] < records[peer].byteSize();
  }

  private boolean isDone(int peer) {
    return !isMissing(peer) && greeted[peer] && sent[peer] == mine.byteSize();
  }

  private boolean send(int peer) {
    boolean moved = false;
    for (int i = 0; i < BURST && (!greeted[peer] || sent[peer] < mine.byteSize()); i++) {
      long length = Math.min(chunkBytes, mine.byteSize() - sent[peer]);
      outgoing.set(operation, (int) mine.byteSize(), sent[peer], mine, sent[peer], length);
      if (!transport.offer(peer, outgoing)) {
        break;
      }
      greeted[peer] = true;
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
    long left = opened[peer] ? records[peer].byteSize() - received[peer] : 1;
    return transport.poll(peer, this, (int) Math.min(BURST, (left + chunkBytes - 1) / chunkBytes))
        > 0;
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
    if (chunk.operation() == operation && !opened[polled] && chunk.tensor() >= 0) {
      opened[polled] = true;
      if (chunk.tensor() > 0) {
        records[polled] =
            MemorySegment.ofArray(new long[(chunk.tensor() + 7) / 8]).asSlice(0, chunk.tensor());
      }
    }
    MemorySegment record = records[polled];
    if (chunk.operation() != operation
        || chunk.offset() != received[polled]
        || chunk.length() > record.byteSize() - received[polled]) {
      throw OperationNumbers.unexpected(transport.describe(polled), chunk, operation);
    }
    chunk.copyTo(record, chunk.offset());
    received[polled] += chunk.length();
  }
}
