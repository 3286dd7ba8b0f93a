package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;

/// Messages from one rank to another. Each ordered pair numbers its messages by itself, so ranks that are not involved know nothing of
/// them, and the collectives' numbers do not move. Reusable; threads: one at a time.
///
/// A message travels as chunks whose operation is its number and whose tensor field is how many chunks there are; an empty message is one
/// empty chunk. Peers are ranks of the world.
final class PointToPoint implements Transport.ChunkHandler {
  private static final int BURST = 8;

  private final Links links;
  private final PeerWait wait;
  private final OperationQueue collectives;
  private final int chunkBytes;
  private final Chunk outgoing = new Chunk();
  private final long[] messagesSent;
  private final long[] messagesReceived;

  private int peer;
  private MemorySegment target;
  private int chunks;
  private int received;

  /// `wait` counts peers as ranks of the world; `collectives` go on while a message is waited for.
  PointToPoint(Links links, PeerWait wait, OperationQueue collectives) {
    this.links = links;
    this.wait = wait;
    this.collectives = collectives;
    this.chunkBytes = links.maxChunkBytes();
    this.messagesSent = new long[links.worldSize()];
    this.messagesReceived = new long[links.worldSize()];
  }

  private int chunks(MemorySegment x) {
    return (int) Math.max(1, (x.byteSize() + chunkBytes - 1) / chunkBytes);
  }

  /// Sends `x` to `peer`; it has left when this returns.
  void send(MemorySegment x, int peer) {
    requireOther(peer, "send to");
    long operation = OperationNumbers.message(++messagesSent[peer]);
    int count = chunks(x);
    wait.reset();
    for (int chunk = 0; chunk < count; ) {
      long offset = (long) chunk * chunkBytes;
      long length = Math.min(chunkBytes, x.byteSize() - offset);
      if (links.offer(peer, outgoing.set(operation, count, offset, x, offset, length))) {
        chunk++;
        wait.reset();
      } else {
        await(peer, operation);
      }
    }
  }

  /// Fills `x` with the next message of `peer`.
  void receive(MemorySegment x, int peer) {
    requireOther(peer, "receive from");
    this.peer = peer;
    target = x;
    chunks = chunks(x);
    received = 0;
    long operation = OperationNumbers.message(++messagesReceived[peer]);
    wait.reset();
    while (received < chunks) {
      if (links.pollMessages(peer, this, Math.min(BURST, chunks - received)) > 0) {
        wait.reset();
      } else {
        await(peer, operation);
      }
    }
  }

  private void requireOther(int peer, String verb) {
    if (peer == links.rank()) {
      throw new IllegalArgumentException("rank " + peer + " cannot " + verb + " itself");
    }
  }

  /// One turn of waiting. A started collective may be what the peer waits for before it sends or takes the message, or what stands before it
  /// on the link.
  private void await(int peer, long operation) {
    collectives.throwIfFailed();
    if (collectives.advance()) {
      wait.reset();
      return;
    }
    if (links.isLost(peer)) {
      throw wait.lost(peer, operation);
    }
    wait.idle(peer);
  }

  /// The chunk of a collective is an error here only when no collective is under way that could take it.
  @Override
  public boolean accepts(Chunk chunk) {
    return OperationNumbers.isMessage(chunk.operation()) || collectives.isEmpty();
  }

  @Override
  public void onChunk(Chunk chunk) {
    long offset = (long) received * chunkBytes;
    long operation = OperationNumbers.message(messagesReceived[peer]);
    if (chunk.operation() != operation
        || chunk.tensor() != chunks
        || chunk.offset() != offset
        || chunk.length() != Math.min(chunkBytes, target.byteSize() - offset)) {
      throw unexpected(chunk, operation);
    }
    chunk.copyTo(target, offset);
    received++;
  }

  private IllegalStateException unexpected(Chunk chunk, long operation) {
    boolean isMessage = OperationNumbers.isMessage(chunk.operation());
    return new IllegalStateException(
        links.describe(peer)
            + (isMessage ? " sent " : " entered ")
            + OperationNumbers.describe(chunk.operation())
            + (isMessage
                ? ", chunk of "
                    + chunk.length()
                    + " bytes at "
                    + chunk.offset()
                    + " and "
                    + chunk.tensor()
                    + " in all,"
                : "")
            + " where rank "
            + links.rank()
            + " receives "
            + OperationNumbers.describe(operation)
            + " of "
            + target.byteSize()
            + " bytes; the messages of a pair must be received in the order and with the sizes in"
            + " which they are sent, and before the collectives that the sender enters before"
            + " them");
  }
}
