package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntToDoubleFunction;

/// Tensors from and to Java arrays, for tests.
public final class TestTensors {
  private TestTensors() {}

  /// A floating tensor whose element i is `value(i)`, owned by the caller.
  public static Tensor of(Backend backend, DType dtype, IntToDoubleFunction value, long... dims) {
    Tensor tensor = backend.allocate(dtype, Shape.of(dims), Category.WORKSPACE);
    set(backend, tensor, value);
    return tensor;
  }

  /// Normal numbers from the test stream of `seed`.
  public static Tensor normal(Backend backend, DType dtype, long seed, long... dims) {
    Philox random = Philox.of(seed, Philox.Purpose.TEST);
    return of(backend, dtype, random::normal, dims);
  }

  /// An I32 tensor, owned by the caller.
  public static Tensor ids(Backend backend, int[] values, long... dims) {
    Tensor tensor = backend.allocate(DType.I32, Shape.of(dims), Category.WORKSPACE);
    try (Arena arena = Arena.ofConfined()) {
      backend.upload(arena.allocateFrom(ValueLayout.JAVA_INT, values), tensor);
    }
    return tensor;
  }

  /// `count` ids below `bound` from the test stream of `seed`.
  public static int[] randomIds(long seed, int count, int bound) {
    Philox random = Philox.of(seed, Philox.Purpose.TEST);
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = (int) random.below(i, bound);
    }
    return ids;
  }

  /// Overwrites `tensor` with `value(i)`.
  public static void set(Backend backend, Tensor tensor, IntToDoubleFunction value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host =
          arena.allocate(Math.max(1, tensor.bytes()), Double.BYTES).asSlice(0, tensor.bytes());
      for (int i = 0; i < tensor.elements(); i++) {
        if (tensor.dtype() == DType.F64) {
          host.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value.applyAsDouble(i));
        } else {
          host.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) value.applyAsDouble(i));
        }
      }
      backend.upload(host, tensor);
    }
  }

  /// The elements of a floating tensor.
  public static double[] values(Backend backend, Tensor tensor) {
    double[] values = new double[(int) tensor.elements()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host =
          arena.allocate(Math.max(1, tensor.bytes()), Double.BYTES).asSlice(0, tensor.bytes());
      backend.download(tensor, host);
      for (int i = 0; i < values.length; i++) {
        values[i] =
            tensor.dtype() == DType.F64
                ? host.getAtIndex(ValueLayout.JAVA_DOUBLE, i)
                : host.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
    }
    return values;
  }
}
