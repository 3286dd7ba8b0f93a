package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Small tensors that a tape's operations need and no model owns; one of each kind and shape.
final class Constants implements AutoCloseable {
  private final Backend backend;
  private final Map<Long, Tensor> zeros = new HashMap<>();
  private Optional<Tensor> positions = Optional.empty();

  Constants(Backend backend) {
    this.backend = backend;
  }

  /// `width` zeros, borrowed.
  Tensor zeros(DType dtype, long width) {
    return zeros.computeIfAbsent(
        width * DType.values().length + dtype.ordinal(),
        key -> {
          Tensor tensor = backend.allocate(dtype, Shape.of(width), Category.WORKSPACE);
          backend.fill(tensor, 0);
          return tensor;
        });
  }

  /// I32 [samples, time], each row 0 to time - 1, borrowed until the next call. Only the last shape is kept: training has one.
  Tensor positions(long samples, long time) {
    Shape shape = Shape.of(samples, time);
    if (positions.isEmpty() || !positions.get().shape().equals(shape)) {
      positions.ifPresent(Tensor::release);
      positions = Optional.of(countTo(shape));
    }
    return positions.get();
  }

  private Tensor countTo(Shape shape) {
    Tensor tensor = backend.allocate(DType.I32, shape, Category.WORKSPACE);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.bytes(), Integer.BYTES);
      for (long i = 0; i < shape.elements(); i++) {
        host.setAtIndex(ValueLayout.JAVA_INT, i, (int) (i % shape.dim(1)));
      }
      backend.upload(host, tensor);
    }
    return tensor;
  }

  @Override
  public void close() {
    zeros.values().forEach(Tensor::release);
    zeros.clear();
    positions.ifPresent(Tensor::release);
    positions = Optional.empty();
  }
}
