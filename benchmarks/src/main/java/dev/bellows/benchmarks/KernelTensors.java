package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// Allocates the operands of timed kernels and frees them together.
final class KernelTensors implements AutoCloseable {
  private final Backend backend;
  private final List<Tensor> tensors = new ArrayList<>();

  KernelTensors(Backend backend) {
    this.backend = backend;
  }

  Backend backend() {
    return backend;
  }

  /// F32 values in [-1, 1): neither zeros nor denormals, which some kernels would be faster or slower with.
  Tensor floats(long... dims) {
    Tensor tensor = allocate(DType.F32, dims);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.bytes(), Float.BYTES);
      for (long i = 0; i < tensor.elements(); i++) {
        host.setAtIndex(ValueLayout.JAVA_FLOAT, i, (i * 7919 % 1000) / 500f - 1f);
      }
      backend.upload(host, tensor);
    }
    return tensor;
  }

  /// F32, every element `value`.
  Tensor filled(double value, long... dims) {
    Tensor tensor = allocate(DType.F32, dims);
    backend.fill(tensor, value);
    return tensor;
  }

  /// I32 ids below `bound`, spread over all of it.
  Tensor ids(long count, int bound) {
    Tensor tensor = allocate(DType.I32, count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.bytes(), Integer.BYTES);
      for (long i = 0; i < count; i++) {
        host.setAtIndex(ValueLayout.JAVA_INT, i, (int) (i * 7919 % bound));
      }
      backend.upload(host, tensor);
    }
    return tensor;
  }

  private Tensor allocate(DType dtype, long... dims) {
    Tensor tensor = backend.allocate(dtype, Shape.of(dims), Category.WORKSPACE);
    tensors.add(tensor);
    return tensor;
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::release);
    tensors.clear();
  }
}
