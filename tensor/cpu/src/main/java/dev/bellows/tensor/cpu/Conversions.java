package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bellows.tensor.DType;
import java.lang.foreign.MemorySegment;

/// Copies of runs of elements between dtypes. The pair of F32 and BF16 is vectorised, every other pair goes element by element.
final class Conversions {
  private Conversions() {}

  static void copy(DType from, long source, DType to, long target, int n) {
    if (from == to) {
      MemorySegment.copy(ALL, source, ALL, target, (long) n * from.bytes());
    } else if (from == DType.F32 && to == DType.BF16) {
      HalfKernels.narrow(source, target, n);
    } else if (from == DType.BF16 && to == DType.F32) {
      HalfKernels.widen(source, target, n);
    } else if (from.isFloating() || to.isFloating()) {
      for (int i = 0; i < n; i++) {
        write(to, target, i, read(from, source, i));
      }
    } else {
      for (int i = 0; i < n; i++) {
        writeLong(to, target, i, readLong(from, source, i));
      }
    }
  }

  static void fill(DType to, long target, int n, double value) {
    for (int i = 0; i < n; i++) {
      write(to, target, i, value);
    }
  }

  private static double read(DType dtype, long base, int i) {
    return switch (dtype) {
      case F64 -> ALL.get(JAVA_DOUBLE, base + 8L * i);
      case F32 -> ALL.get(JAVA_FLOAT, base + 4L * i);
      case BF16 -> Float.intBitsToFloat(ALL.get(JAVA_SHORT, base + 2L * i) << 16);
      case F16 -> Float.float16ToFloat(ALL.get(JAVA_SHORT, base + 2L * i));
      case I64, I32, U8, BOOL -> readLong(dtype, base, i);
    };
  }

  private static void write(DType dtype, long base, int i, double value) {
    switch (dtype) {
      case F64 -> ALL.set(JAVA_DOUBLE, base + 8L * i, value);
      case F32 -> ALL.set(JAVA_FLOAT, base + 4L * i, (float) value);
      case BF16 -> ALL.set(JAVA_SHORT, base + 2L * i, bfloat16((float) value));
      case F16 -> ALL.set(JAVA_SHORT, base + 2L * i, Float.floatToFloat16((float) value));
      case BOOL -> ALL.set(JAVA_BYTE, base + i, (byte) (value != 0 ? 1 : 0));
      case I64, I32, U8 -> writeLong(dtype, base, i, (long) value);
    }
  }

  private static long readLong(DType dtype, long base, int i) {
    return switch (dtype) {
      case I64 -> ALL.get(JAVA_LONG, base + 8L * i);
      case I32 -> ALL.get(JAVA_INT, base + 4L * i);
      case U8, BOOL -> ALL.get(JAVA_BYTE, base + i) & 0xFF;
      case F64, F32, BF16, F16 -> (long) read(dtype, base, i);
    };
  }

  private static void writeLong(DType dtype, long base, int i, long value) {
    switch (dtype) {
      case I64 -> ALL.set(JAVA_LONG, base + 8L * i, value);
      case I32 ->
          ALL.set(JAVA_INT, base + 4L * i, Math.clamp(value, Integer.MIN_VALUE, Integer.MAX_VALUE));
      case U8 -> ALL.set(JAVA_BYTE, base + i, (byte) Math.clamp(value, 0, 255));
      case BOOL -> ALL.set(JAVA_BYTE, base + i, (byte) (value != 0 ? 1 : 0));
      case F64, F32, BF16, F16 -> write(dtype, base, i, (double) value);
    }
  }

  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short)
        (Float.isNaN(value) ? (bits >>> 16) | 0x40 : (bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }
}
