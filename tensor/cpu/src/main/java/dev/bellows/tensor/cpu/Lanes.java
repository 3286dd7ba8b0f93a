package dev.bellows.tensor.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// Loads, stores, fixed-order sums and the exponential function on the CPU's widest vectors.
///
/// Everything here is made of operations that IEEE 754 rounds correctly, in a fixed order, so that interpreted and compiled code
/// give the same bits. Addresses are absolute.
final class Lanes {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /// Floats in one vector.
  static final int WIDTH = FLOATS.length();

  /// The whole address space. One constant segment costs no bounds that vary from tensor to tensor.
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /// Rotations by a number of lanes. Each is a constant of its own: the compiler does not trust the elements of an array.
  private static final VectorShuffle<Float> BY_8 = rotation(FLOATS, 8);

  private static final VectorShuffle<Float> BY_4 = rotation(FLOATS, 4);
  private static final VectorShuffle<Float> BY_2 = rotation(FLOATS, 2);
  private static final VectorShuffle<Float> BY_1 = rotation(FLOATS, 1);
  private static final VectorShuffle<Double> DOUBLES_BY_4 = rotation(DOUBLES, 4);
  private static final VectorShuffle<Double> DOUBLES_BY_2 = rotation(DOUBLES, 2);
  private static final VectorShuffle<Double> DOUBLES_BY_1 = rotation(DOUBLES, 1);
  private static final float LOG2_E = 1.44269504f;

  /// ln 2 in two parts; the first has few bits, so that its product with a small integer is exact.
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = -2.12194440e-4f;

  /// 1.5·2²³: adding it rounds to an integer, which then stands in the low bits.
  private static final float ROUNDER = 12582912f;

  private Lanes() {}

  private static <E> VectorShuffle<E> rotation(VectorSpecies<E> species, int distance) {
    return VectorShuffle.fromOp(species, lane -> (lane + distance) & (species.length() - 1));
  }

  static FloatVector load(long address) {
    return FloatVector.fromMemorySegment(FLOATS, ALL, address, ORDER);
  }

  /// The lanes of `mask`; the others are 0 and not read.
  static FloatVector load(long address, VectorMask<Float> mask) {
    return FloatVector.fromMemorySegment(FLOATS, ALL, address, ORDER, mask);
  }

  static void store(FloatVector vector, long address) {
    vector.intoMemorySegment(ALL, address, ORDER);
  }

  static void store(FloatVector vector, long address, VectorMask<Float> mask) {
    vector.intoMemorySegment(ALL, address, ORDER, mask);
  }

  /// As many BF16 numbers as a vector has floats.
  static FloatVector loadHalf(long address) {
    return widened(ShortVector.fromMemorySegment(HALVES, ALL, address, ORDER));
  }

  /// The first `count` of them; the others are 0 and not read.
  static FloatVector loadHalf(long address, int count) {
    return widened(
        ShortVector.fromMemorySegment(HALVES, ALL, address, ORDER, HALVES.indexInRange(0, count)));
  }

  private static FloatVector widened(ShortVector halves) {
    return ((IntVector) halves.convertShape(VectorOperators.S2I, INTS, 0))
        .lanewise(VectorOperators.LSHL, 16)
        .reinterpretAsFloats();
  }

  /// Rounds to BF16, to the nearest, ties to even; a NaN stays a quiet NaN.
  static void storeHalf(FloatVector vector, long address) {
    narrowed(vector).intoMemorySegment(ALL, address, ORDER);
  }

  /// The first `count` lanes.
  static void storeHalf(FloatVector vector, long address, int count) {
    narrowed(vector).intoMemorySegment(ALL, address, ORDER, HALVES.indexInRange(0, count));
  }

  private static ShortVector narrowed(FloatVector vector) {
    IntVector bits = vector.reinterpretAsInts();
    IntVector high = bits.lanewise(VectorOperators.LSHR, 16);
    IntVector rounded = bits.add(0x7FFF).add(high.and(1)).lanewise(VectorOperators.LSHR, 16);
    VectorMask<Integer> nan = vector.test(VectorOperators.IS_NAN).cast(INTS);
    return (ShortVector)
        rounded.blend(high.or(0x40), nan).convertShape(VectorOperators.I2S, HALVES, 0);
  }

  /// The first `count` lanes.
  static VectorMask<Float> first(int count) {
    return FLOATS.indexInRange(0, count);
  }

  /// Lanes `start` to `end` - 1, as far as there are such. Cheaper than `indexInRange` with a negative offset.
  static VectorMask<Float> between(int start, int end) {
    return first(Math.max(0, end)).andNot(first(Math.max(0, start)));
  }

  static FloatVector all(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  static FloatVector zero() {
    return FloatVector.zero(FLOATS);
  }

  /// Sum of the lanes by halving, the same order every time.
  static float sum(FloatVector v) {
    FloatVector eight = WIDTH > 8 ? v.add(v.rearrange(BY_8)) : v;
    FloatVector four = eight.add(eight.rearrange(BY_4));
    FloatVector two = four.add(four.rearrange(BY_2));
    return two.add(two.rearrange(BY_1)).lane(0);
  }

  /// Sum of the lanes by halving, the same order every time.
  static double sum(DoubleVector v) {
    DoubleVector four = WIDTH > 8 ? v.add(v.rearrange(DOUBLES_BY_4)) : v;
    DoubleVector two = four.add(four.rearrange(DOUBLES_BY_2));
    return two.add(two.rearrange(DOUBLES_BY_1)).lane(0);
  }

  /// e to the power of each lane, with a relative error of 1e-7; arguments are clamped to [-87, 88]. A NaN stays a NaN.
  ///
  /// Reduction to |r| ≤ ln 2 / 2 and the polynomial of Cephes' expf (Moshier 1989). `lanewise(EXP)` gives other bits when
  /// interpreted than when compiled.
  static FloatVector exp(FloatVector argument) {
    FloatVector low = argument.blend(-87f, argument.compare(VectorOperators.LT, -87f));
    FloatVector x = low.blend(88f, low.compare(VectorOperators.GT, 88f));
    FloatVector shifted = x.fma(all(LOG2_E), all(ROUNDER));
    FloatVector n = shifted.sub(ROUNDER);
    FloatVector r = n.fma(all(-LN2_LOW), n.fma(all(-LN2_HIGH), x));
    FloatVector p = r.fma(all(1.9875691500e-4f), all(1.3981999507e-3f));
    p = p.fma(r, all(8.3334519073e-3f));
    p = p.fma(r, all(4.1665795894e-2f));
    p = p.fma(r, all(1.6666665459e-1f));
    p = p.fma(r, all(5.0000001201e-1f));
    p = p.fma(r.mul(r), r.add(1f));
    // n goes straight into the exponent: the integer stands in the low bits of the shifted value.
    return p.reinterpretAsInts()
        .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
        .reinterpretAsFloats();
  }
}
