package dev.bellows.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/// The elements of host tensors as Java numbers: how the scalar oracle reads and writes every dtype.
final class Values {
  private Values() {}

  /// All elements as doubles.
  static double[] read(Tensor x) {
    double[] values = new double[Math.toIntExact(x.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = read(x, i);
    }
    return values;
  }

  /// Stores `values` as the elements of `x`, rounded to its dtype.
  static void write(double[] values, Tensor x) {
    for (int i = 0; i < values.length; i++) {
      write(values[i], x, i);
    }
  }

  /// Stores `values`, added to what `x` holds when `accumulate`.
  static void write(double[] values, Tensor x, boolean accumulate) {
    for (int i = 0; i < values.length; i++) {
      write(accumulate ? read(x, i) + values[i] : values[i], x, i);
    }
  }

  /// All elements of an I32 tensor.
  static int[] ids(Tensor x) {
    return x.segment().toArray(JAVA_INT);
  }

  static double read(Tensor x, long index) {
    MemorySegment segment = x.segment();
    return switch (x.dtype()) {
      case F64 -> segment.getAtIndex(JAVA_DOUBLE, index);
      case F32 -> segment.getAtIndex(JAVA_FLOAT, index);
      case BF16 -> Float.intBitsToFloat(segment.getAtIndex(JAVA_SHORT, index) << 16);
      case F16 -> Float.float16ToFloat(segment.getAtIndex(JAVA_SHORT, index));
      case I64, I32, U8, BOOL -> readLong(x, index);
    };
  }

  static void write(double value, Tensor x, long index) {
    MemorySegment segment = x.segment();
    switch (x.dtype()) {
      case F64 -> segment.setAtIndex(JAVA_DOUBLE, index, value);
      case F32 -> segment.setAtIndex(JAVA_FLOAT, index, (float) value);
      case BF16 -> segment.setAtIndex(JAVA_SHORT, index, bfloat16((float) value));
      case F16 -> segment.setAtIndex(JAVA_SHORT, index, Float.floatToFloat16((float) value));
      case BOOL -> segment.setAtIndex(JAVA_BYTE, index, (byte) (value != 0 ? 1 : 0));
      case I64, I32, U8 -> writeLong((long) value, x, index);
    }
  }

  static long readLong(Tensor x, long index) {
    MemorySegment segment = x.segment();
    return switch (x.dtype()) {
      case I64 -> segment.getAtIndex(JAVA_LONG, index);
      case I32 -> segment.getAtIndex(JAVA_INT, index);
      case U8, BOOL -> segment.getAtIndex(JAVA_BYTE, index) & 0xFF;
      case F64, F32, BF16, F16 -> (long) read(x, index);
    };
  }

  /// Stores an integer; one outside the dtype's range becomes the nearest that fits.
  static void writeLong(long value, Tensor x, long index) {
    MemorySegment segment = x.segment();
    switch (x.dtype()) {
      case I64 -> segment.setAtIndex(JAVA_LONG, index, value);
      case I32 ->
          segment.setAtIndex(
              JAVA_INT, index, Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE));
      case U8 -> segment.setAtIndex(JAVA_BYTE, index, (byte) Math.clamp(value, 0, 255));
      case BOOL -> segment.setAtIndex(JAVA_BYTE, index, (byte) (value != 0 ? 1 : 0));
      case F64, F32, BF16, F16 -> write((double) value, x, index);
    }
  }

  /// The nearest BF16 to `value`, ties to even; a NaN stays a NaN.
  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }
}
