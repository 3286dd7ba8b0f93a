package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.DropoutLanes.COUNT;
import static dev.bellows.tensor.cpu.DropoutLanes.WORDS;

import dev.bellows.tensor.Dropout;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/// Dropout with Philox-4x32-10 on vectors: a lane holds one counter, its 32-bit words in 64-bit lanes, so that one product has both halves.
final class DropoutKernels {
  private static final long M0 = 0xD2511F53L;
  private static final long M1 = 0xCD9E8D57L;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final long LOW = 0xFFFFFFFFL;
  private static final LongVector COUNTING = LongVector.zero(WORDS).addIndex(1);

  private DropoutKernels() {}

  /// One row of `n` elements, whose counters start at `counter`; `y` may be `x`.
  static void row(Dropout spec, long counter, long x, long y, int n) {
    long threshold = spec.threshold();
    float scale = (float) spec.scale();
    for (int block = 0; block < n; block += Dropout.BLOCK) {
      for (int lane = 0; lane < Dropout.COUNTERS && block + lane < n; lane += COUNT) {
        long first = counter + (long) block / Dropout.BLOCK * Dropout.COUNTERS + lane;
        long at = 4L * (block + lane);
        columns(spec.key(), first, x + at, y + at, n - block - lane, threshold, scale);
      }
    }
  }

  /// The elements that [#COUNT] counters from `first` on decide: as many at each of four places, 16 apart, of `left` elements that the row still has.
  private static void columns(
      long key, long first, long x, long y, int left, long threshold, float scale) {
    LongVector counters = COUNTING.add(first);
    LongVector c0 = counters.and(LOW);
    LongVector c1 = counters.lanewise(VectorOperators.LSHR, 32);
    LongVector c2 = LongVector.zero(WORDS);
    LongVector c3 = c2;
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < 10; round++) {
      LongVector p0 = c0.mul(M0);
      LongVector p1 = c2.mul(M1);
      c0 = p1.lanewise(VectorOperators.LSHR, 32).lanewise(VectorOperators.XOR, c1);
      c0 = c0.lanewise(VectorOperators.XOR, k0 & LOW);
      c1 = p1.and(LOW);
      c2 = p0.lanewise(VectorOperators.LSHR, 32).lanewise(VectorOperators.XOR, c3);
      c2 = c2.lanewise(VectorOperators.XOR, k1 & LOW);
      c3 = p0.and(LOW);
      k0 += W0;
      k1 += W1;
    }
    int step = Dropout.COUNTERS;
    if (left >= 3 * step + COUNT) {
      DropoutLanes.keep(x, y, c0, threshold, scale);
      DropoutLanes.keep(x + 4L * step, y + 4L * step, c1, threshold, scale);
      DropoutLanes.keep(x + 8L * step, y + 8L * step, c2, threshold, scale);
      DropoutLanes.keep(x + 12L * step, y + 12L * step, c3, threshold, scale);
      return;
    }
    DropoutLanes.keepPart(x, y, c0, threshold, scale, left);
    if (left > step) {
      DropoutLanes.keepPart(
          x + 4L * step, y + 4L * step, c1, threshold, scale, left - step);
    }
    if (left > 2 * step) {
      DropoutLanes.keepPart(
          x + 8L * step, y + 8L * step, c2, threshold, scale, left - 2 * step);
    }
    if (left > 3 * step) {
      DropoutLanes.keepPart(
          x + 12L * step, y + 12L * step, c3, threshold, scale, left - 3 * step);
    }
  }
}
