package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.FLOATS;
import static dev.bellows.tensor.cpu.Lanes.ORDER;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of random words and of as many floats, which are half as wide. Apart from the kernel, which must inline it (see [VectorFunctions]).
final class DropoutLanes {
  static final VectorSpecies<Long> WORDS = LongVector.SPECIES_PREFERRED;

  /// Words in one vector.
  static final int COUNT = WORDS.length();

  private static final VectorSpecies<Float> HALF =
      VectorSpecies.of(float.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  private DropoutLanes() {}

  /// Stores `x · scale` where the word is at least `threshold`, else 0.
  static void keep(long x, long y, LongVector words, long threshold, float scale) {
    VectorMask<Float> kept = words.compare(VectorOperators.GE, threshold).cast(HALF);
    FloatVector value = FloatVector.fromMemorySegment(HALF, ALL, x, ORDER).mul(scale);
    FloatVector.zero(HALF).blend(value, kept).intoMemorySegment(ALL, y, ORDER);
  }

  /// The same for the first `count` lanes only.
  static void keepPart(
      long x, long y, LongVector words, long threshold, float scale, int count) {
    VectorMask<Float> mask = HALF.indexInRange(0, count);
    VectorMask<Float> kept = words.compare(VectorOperators.GE, threshold).cast(HALF);
    FloatVector value = FloatVector.fromMemorySegment(HALF, ALL, x, ORDER, mask).mul(scale);
    FloatVector.zero(HALF).blend(value, kept).intoMemorySegment(ALL, y, ORDER, mask);
  }
}
