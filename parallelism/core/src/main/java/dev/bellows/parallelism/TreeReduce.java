package dev.bellows.parallelism;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// One all-reduce or reduce-scatter of F32 terms: direct reduce-scatter, in an all-reduce overlapped with the all-gather of what is already
/// summed.
///
/// The bytes are cut into one slice per rank (by the caller in a reduce-scatter) and each slice into sub-chunks of one transport chunk. The owner of a slice takes every
/// rank's terms of a sub-chunk straight from the receive buffers, in the order of the [CombinePlan], so no more than the plan's stack of
/// sub-chunks is ever buffered; a finished sub-chunk goes to all other ranks at once. A rank polls only the peer whose term comes next,
/// or any peer that has nothing but finished sub-chunks left for it, and keeps offering while it waits: sending a term depends on nothing
/// but back pressure, so each awaited term arrives. Reusable; threads: one at a time.
final class TreeReduce implements Exchange, Transport.ChunkHandler {
  /// Tensor number of a finished sub-chunk; a term's is its index.
  private static final int SUM = -1;

  private static final long ALIGNMENT = 64;
  private static final int BURST = 8;

  private final Transport transport;
  private final PeerWait wait;
  private final int rank;
  private final int world;
  private final int chunkBytes;
  private final long[] termsSent;
  private final long[] sumsSent;
  private final long[] sumsReceived;
  private final long[] starts;
  private final Chunk outgoing = new Chunk();
  private final FloatSums sums = new FloatSums();
  private MemorySegment scratch = MemorySegment.NULL;
  private MemorySegment[] stack = new MemorySegment[0];
  private long[] stackOffset = new long[0];

  private long operation;
  private CombinePlan plan;
  private MemorySegment[] terms;
  private long[] termAt;
  private int termCount;
  private MemorySegment out;

  /// Byte b of the sum belongs at `outAt + b` of `out`.
  private long outAt;

  private boolean gathers;
  private long summed;
  private int next;
  private int height;
  private final int[] nextTerm;
  private int polled;

  TreeReduce(Transport transport, PeerWait wait) {
    this.transport = transport;
    this.wait = wait;
    this.rank = transport.rank();
    this.world = transport.worldSize();
    this.chunkBytes = transport.maxChunkBytes() / 64 * 64;
    this.termsSent = new long[world];
    this.sumsSent = new long[world];
    this.sumsReceived = new long[world];
    this.starts = new long[world + 1];
    this.nextTerm = new int[world];
  }

  /// Sums the terms of all ranks into `out` on every rank. The last of the terms may be `out`.
  Exchange allReduce(PendingOperation entry) {
    long bytes = entry.bytes;
    long slice = ((bytes + world - 1) / world + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    for (int owner = 0; owner <= world; owner++) {
      starts[owner] = Math.min(bytes, owner * slice);
    }
    gathers = true;
    return begin(entry);
  }

  /// Sums the terms of all ranks and leaves to each rank its slice, in `out`. `out` may be this rank's slice of any of the terms.
  Exchange reduceScatter(PendingOperation entry) {
    for (int owner = 0; owner <= world; owner++) {
      starts[owner] = entry.slices.start(owner) * Float.BYTES;
    }
    gathers = false;
    return begin(entry);
  }

  private Exchange begin(PendingOperation entry) {
    operation = entry.number;
    plan = entry.plan;
    terms = entry.terms;
    termAt = entry.termAt;
    termCount = entry.termCount;
    out = entry.out;
    outAt = entry.outAt;
    Arrays.fill(termsSent, 0);
    Arrays.fill(sumsSent, 0);
    Arrays.fill(sumsReceived, 0);
    Arrays.fill(nextTerm, 0);
    summed = 0;
    next = 0;
    height = 0;
    if (stack.length < plan.depth()) {
      stack = new MemorySegment[plan.depth()];
      stackOffset = new long[plan.depth()];
      scratch = Arena.ofAuto().allocate((long) plan.depth() * chunkBytes, ALIGNMENT);
    }
    advance();
    return this;
  }

  @Override
  public boolean turn() {
    return send() | receive();
  }

  private long subChunks(int owner) {
    return (starts[owner + 1] - starts[owner] + chunkBytes - 1) / chunkBytes;
  }

  /// How many finished sub-chunks of `owner` every other rank gets.
  private long sumsOf(int owner) {
    return gathers ? subChunks(owner) : 0;
  }

  private long offset(int owner, long subChunk) {
    return starts[owner] + subChunk * chunkBytes;
  }

  private long length(int owner, long subChunk) {
    return Math.min(chunkBytes, starts[owner + 1] - offset(owner, subChunk));
  }

  private boolean send() {
    boolean moved = false;
    for (int step = 1; step < world; step++) {
      int peer = (rank + step) % world;
      for (int i = 0; i < BURST && sendTerm(peer) | sendSum(peer); i++) {
        moved = true;
      }
    }
    return moved;
  }

  private boolean sendTerm(int peer) {
    long message = termsSent[peer];
    if (message == subChunks(peer) * termCount) {
      return false;
    }
    long subChunk = message / termCount;
    int term = (int) (message % termCount);
    long offset = offset(peer, subChunk);
    outgoing.set(
        operation, term, offset, terms[term], termAt[term] + offset, length(peer, subChunk));
    if (!transport.offer(peer, outgoing)) {
      return false;
    }
    termsSent[peer]++;
    return true;
  }

  private boolean sendSum(int peer) {
    long subChunk = sumsSent[peer];
    if (!gathers || subChunk == summed) {
      return false;
    }
    long offset = offset(rank, subChunk);
    outgoing.set(operation, SUM, offset, out, outAt + offset, length(rank, subChunk));
    if (!transport.offer(peer, outgoing)) {
      return false;
    }
    sumsSent[peer]++;
    return true;
  }

  private boolean receive() {
    if (summed < subChunks(rank)) {
      // With two ranks every term comes from the same peer, so several may be taken at a time.
      int burst = world == 2 ? (int) Math.min(BURST, left(1 - rank)) : 1;
      return poll(plan.instruction(next), burst);
    }
    boolean moved = false;
    for (int peer = 0; peer < world; peer++) {
      long left = peer == rank ? 0 : sumsOf(peer) - sumsReceived[peer];
      moved |= left > 0 && poll(peer, (int) Math.min(BURST, left));
    }
    return moved;
  }

  private boolean poll(int peer, int limit) {
    polled = peer;
    return transport.poll(peer, this, limit) > 0;
  }

  /// Chunks of this operation that `peer` has yet to deliver to this rank.
  private long left(int peer) {
    return (subChunks(rank) - summed) * plan.terms(peer)
        - nextTerm[peer]
        + sumsOf(peer)
        - sumsReceived[peer];
  }

  /// The peer that this rank needs next, or -1 when nothing is left to do.
  @Override
  public int awaited() {
    if (summed < subChunks(rank)) {
      return plan.instruction(next);
    }
    for (int peer = 0; peer < world; peer++) {
      if (peer != rank && !isDone(peer)) {
        return peer;
      }
    }
    return -1;
  }

  private boolean isDone(int peer) {
    return sumsReceived[peer] == sumsOf(peer)
        && termsSent[peer] == subChunks(peer) * termCount
        && sumsSent[peer] == sumsOf(rank);
  }

  /// The peer that is needed next is blamed first.
  @Override
  public void failIfLost() {
    int awaited = awaited();
    for (int i = 0; i < world; i++) {
      int peer = (awaited + i) % world;
      if (peer != rank && left(peer) + unsent(peer) > 0 && transport.isLost(peer)) {
        throw wait.lost(peer, operation);
      }
    }
  }

  private long unsent(int peer) {
    return subChunks(peer) * termCount - termsSent[peer] + sumsOf(rank) - sumsSent[peer];
  }

  @Override
  public void onChunk(Chunk chunk) {
    int peer = polled;
    if (isNextSum(peer, chunk)) {
      chunk.copyTo(out, outAt + chunk.offset());
      sumsReceived[peer]++;
    } else if (isNextTerm(peer, chunk)) {
      nextTerm[peer]++;
      push(chunk.memory(), chunk.at());
      next++;
      advance();
      keep(chunk);
    } else {
      throw OperationNumbers.unexpected(transport.describe(peer), chunk, operation);
    }
  }

  private boolean isNextSum(int peer, Chunk chunk) {
    return chunk.operation() == operation
        && chunk.tensor() == SUM
        && sumsReceived[peer] < sumsOf(peer)
        && chunk.offset() == offset(peer, sumsReceived[peer])
        && chunk.length() == length(peer, sumsReceived[peer]);
  }

  private boolean isNextTerm(int peer, Chunk chunk) {
    return chunk.operation() == operation
        && summed < subChunks(rank)
        && plan.instruction(next) == peer
        && chunk.tensor() == nextTerm[peer]
        && chunk.offset() == offset(rank, summed)
        && chunk.length() == length(rank, summed);
  }

  /// Runs the plan up to the next term that has to come from a peer, over sub-chunk borders.
  private void advance() {
    while (summed < subChunks(rank)) {
      for (; next < plan.length(); next++) {
        int instruction = plan.instruction(next);
        if (instruction == CombinePlan.ADD) {
          add();
        } else if (instruction == rank) {
          int term = nextTerm[rank]++;
          push(terms[term], termAt[term] + offset(rank, summed));
        } else {
          return;
        }
      }
      finishSubChunk();
    }
  }

  private void push(MemorySegment segment, long offset) {
    stack[height] = segment;
    stackOffset[height] = offset;
    height++;
  }

  private void add() {
    int left = height - 2;
    int right = height - 1;
    boolean last = next == plan.length() - 1;
    MemorySegment target = last ? out : scratch;
    long targetOffset = last ? outAt + offset(rank, summed) : (long) left * chunkBytes;
    sums.add(
        stack[left],
        stackOffset[left],
        stack[right],
        stackOffset[right],
        target,
        targetOffset,
        length(rank, summed));
    height -= 2;
    push(target, targetOffset);
  }

  @SuppressWarnings({
    "ReferenceEquality",
    "MemorySegmentReferenceEquality"
  }) // which object it is decides, not where it points
  private void finishSubChunk() {
    height--;
    // A plan with one term adds nothing: the sum is the term.
    long target = outAt + offset(rank, summed);
    if (stack[0] != out || stackOffset[0] != target) {
      MemorySegment.copy(stack[0], stackOffset[0], out, target, length(rank, summed));
    }
    stack[0] = null;
    Arrays.fill(nextTerm, 0);
    next = 0;
    summed++;
  }

  /// A payload that still waits for its sibling must be copied before the transport takes its buffer back. It can only be on top.
  @SuppressWarnings({
    "ReferenceEquality",
    "MemorySegmentReferenceEquality"
  }) // which object it is decides, not where it points
  private void keep(Chunk chunk) {
    for (int i = 0; i < height; i++) {
      if (stack[i] == chunk.memory()) {
        chunk.copyTo(scratch, (long) i * chunkBytes);
        stack[i] = scratch;
        stackOffset[i] = (long) i * chunkBytes;
      }
    }
  }
}
