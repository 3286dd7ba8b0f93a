package dev.bellows.trainer.data;

import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Philox.Purpose;

/// The order of the samples: a pseudo-random permutation for each epoch, a pure function of (seed, epoch, place). Nothing is stored, so a run
/// goes on from the number of consumed samples alone. Immutable.
///
/// The permutation is a balanced Feistel network over the next even power of two (Luby and Rackoff 1988) whose round function is Philox keyed
/// by seed and epoch; a result outside the range is sent through again until it lies inside (cycle walking, Black and Rogaway 2002), fewer
/// than 4 times on average from 17 samples on.
public final class SampleOrder {
  private static final int ROUNDS = 8;

  /// Fewer bits leave the network too few functions to reach all orders of a handful of samples equally often (a test measures it).
  private static final int LEAST_HALF_BITS = 3;

  private final Philox stream;
  private final long samples;
  private final int halfBits;
  private final long halfMask;

  /// An order of `samples` samples, 1 to 2^62.
  public SampleOrder(long seed, long samples) {
    if (samples < 1 || samples > 1L << 62) {
      throw new IllegalArgumentException("an order needs 1 to 2^62 samples, not " + samples);
    }
    this.stream = Philox.of(seed, Purpose.DATA_ORDER);
    this.samples = samples;
    int bits = 64 - Long.numberOfLeadingZeros(samples - 1);
    this.halfBits = Math.max(LEAST_HALF_BITS, (bits + 1) / 2);
    this.halfMask = (1L << halfBits) - 1;
  }

  /// Samples in one epoch.
  public long samples() {
    return samples;
  }

  /// The epoch of the sample that is consumed after `position` others.
  public long epoch(long position) {
    return Math.floorDiv(checked(position), samples);
  }

  /// The index in the dataset of the sample that is consumed after `position` others.
  public long index(long position) {
    Philox epoch = stream.derive(epoch(position));
    int[] words = new int[4];
    long value = position % samples;
    do {
      value = permute(epoch, value, words);
    } while (value >= samples);
    return value;
  }

  private static long checked(long position) {
    if (position < 0) {
      throw new IllegalArgumentException(
          "a position is the number of consumed samples, so not " + position);
    }
    return position;
  }

  /// One pass of the network; a bijection of [0, 2^(2·halfBits)).
  private long permute(Philox epoch, long value, int[] words) {
    long left = value >>> halfBits;
    long right = value & halfMask;
    for (int round = 0; round < ROUNDS; round++) {
      // Halves have at most 31 bits, so the round fits above them in the counter.
      epoch.block(((long) round << 32) | right, words);
      long mixed = left ^ (words[0] & halfMask);
      left = right;
      right = mixed;
    }
    return (left << halfBits) | right;
  }
}
