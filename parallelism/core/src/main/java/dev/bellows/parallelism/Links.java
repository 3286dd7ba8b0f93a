package dev.bellows.parallelism;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// The links of one rank as its groups and its messages share them: tells messages between two ranks from the chunks of collectives.
///
/// [#poll] gives a collective its own chunks only. A message that arrives before its receiver asks for it, during a collective or while
/// this rank waits for anything ([#park]), is copied once and waits here. So a sender never depends on what the receiver waits for, and a
/// pipeline whose stages send to each other at the same time does not lock up. The buffers are reused; there are as many as have ever
/// waited at once. Threads: one at a time.
final class Links implements Transport, Transport.ChunkHandler {
  private static final int BURST = 8;

  private final Transport transport;
  private final List<ArrayDeque<Chunk>> parked = new ArrayList<>();
  private final ArrayDeque<Chunk> free = new ArrayDeque<>();
  private final ChunkHandler parking = new Parking();
  private ChunkHandler handler = parking;
  private int polled;
  private int groups;

  Links(Transport transport) {
    this.transport = transport;
    for (int peer = 0; peer < transport.worldSize(); peer++) {
      parked.add(new ArrayDeque<>());
    }
  }

  /// The number of this rank's next group. Errors: [IllegalStateException] after [OperationNumbers#MAX_GROUPS].
  int nextGroup() {
    if (groups == OperationNumbers.MAX_GROUPS) {
      throw new IllegalStateException(
          "a rank can make "
              + OperationNumbers.MAX_GROUPS
              + " groups in a generation; make each group once and keep it");
    }
    return ++groups;
  }

  /// Takes chunks of collectives; messages among them are parked. Returns how many of both were taken.
  @Override
  public int poll(int peer, ChunkHandler handler, int limit) {
    this.handler = handler;
    polled = peer;
    return transport.poll(peer, this, limit);
  }

  @Override
  public void onChunk(Chunk chunk) {
    (OperationNumbers.isMessage(chunk.operation()) ? parking : handler).onChunk(chunk);
  }

  @Override
  public boolean accepts(Chunk chunk) {
    return OperationNumbers.isMessage(chunk.operation()) || handler.accepts(chunk);
  }

  /// Takes at most `limit` chunks of messages: the parked ones of `peer` first, then what its link brings, where `handler` is asked about, and
  /// if it accepts handed, the chunk of a collective too.
  int pollMessages(int peer, ChunkHandler handler, int limit) {
    ArrayDeque<Chunk> waiting = parked.get(peer);
    if (waiting.isEmpty()) {
      return transport.poll(peer, handler, limit);
    }
    int taken = 0;
    while (taken < limit && !waiting.isEmpty()) {
      Chunk chunk = waiting.pop();
      free.push(chunk);
      handler.onChunk(chunk);
      taken++;
    }
    return taken;
  }

  /// Parks the messages that have arrived, up to the first chunk of a collective on each link. Returns whether there were any.
  boolean park() {
    boolean any = false;
    for (int peer = 0; peer < parked.size(); peer++) {
      if (peer != transport.rank()) {
        polled = peer;
        any |= transport.poll(peer, parking, BURST) > 0;
      }
    }
    return any;
  }

  private final class Parking implements ChunkHandler {
    @Override
    public boolean accepts(Chunk chunk) {
      return OperationNumbers.isMessage(chunk.operation());
    }

    @Override
    public void onChunk(Chunk chunk) {
      Chunk copy = free.isEmpty() ? buffer() : free.pop();
      chunk.copyTo(copy.memory(), 0);
      copy.set(chunk.operation(), chunk.tensor(), chunk.offset(), copy.memory(), 0, chunk.length());
      parked.get(polled).add(copy);
    }

    private Chunk buffer() {
      return new Chunk().set(0, 0, 0, Arena.ofAuto().allocate(transport.maxChunkBytes(), 64), 0, 0);
    }
  }

  @Override
  public int rank() {
    return transport.rank();
  }

  @Override
  public int worldSize() {
    return transport.worldSize();
  }

  @Override
  public int maxChunkBytes() {
    return transport.maxChunkBytes();
  }

  @Override
  public boolean offer(int peer, Chunk chunk) {
    return transport.offer(peer, chunk);
  }

  @Override
  public String describe(int peer) {
    return transport.describe(peer);
  }

  @Override
  public String host(int peer) {
    return transport.host(peer);
  }

  @Override
  public boolean isLost(int peer) {
    return transport.isLost(peer);
  }

  @Override
  public long strangers() {
    return transport.strangers();
  }

  /// Leaves the transport open: it is the caller's.
  @Override
  public void close() {}
}
