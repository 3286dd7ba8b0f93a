package dev.bellows.parallelism;

import dev.bellows.parallelism.OperationNumbers.Kind;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// What a rank has entered and not finished: the operation's arguments and its place in the [OperationQueue]. Which fields count depends on
/// the kind. Pooled and filled again by the queue's owner; threads: its owner's.
final class PendingOperation {
  Group group;
  Kind kind;
  long number;

  /// The order of a sum, and this rank's terms of it, each from a byte of a segment on.
  CombinePlan plan;

  MemorySegment[] terms = new MemorySegment[1];
  long[] termAt = new long[1];
  int termCount;

  /// What this rank brings where it is no sum, from byte `inAt` on.
  MemorySegment in = MemorySegment.NULL;

  long inAt;

  /// Where the result lies; byte b of the whole result lies at `outAt + b`, also when only a slice is kept.
  MemorySegment out = MemorySegment.NULL;

  long outAt;

  /// Bytes of the whole.
  long bytes;

  Slices slices;
  Slices receive;
  int elementBytes;
  int root;

  /// Whether it may begin only after the operation that was entered before it is finished, because it needs its result.
  boolean needsPrevious;

  /// Whose operation, or part of one, this is.
  CollectiveHandle handle;

  /// Whether the handle's operation is finished with this part.
  boolean isLastPart;

  /// Null until it has begun.
  Exchange running;

  PendingOperation next;

  /// Makes `segment`, from byte `at` on, this rank's next term.
  void addTerm(MemorySegment segment, long at) {
    if (termCount == terms.length) {
      terms = Arrays.copyOf(terms, 2 * termCount);
      termAt = Arrays.copyOf(termAt, 2 * termCount);
    }
    terms[termCount] = segment;
    termAt[termCount] = at;
    termCount++;
  }

  /// Lets go of everything that belongs to others, so that the pool keeps no memory alive.
  void clear() {
    Arrays.fill(terms, 0, termCount, null);
    termCount = 0;
    group = null;
    plan = null;
    in = MemorySegment.NULL;
    inAt = 0;
    out = MemorySegment.NULL;
    outAt = 0;
    slices = null;
    receive = null;
    needsPrevious = false;
    handle = null;
    isLastPart = false;
    running = null;
    next = null;
  }
}
