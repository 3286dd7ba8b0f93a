package dev.bellows.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// A buffer in the memory that our tensors lie in, so that libraries which take any memory are measured on the same pages as ours.
final class TensorBuffer implements AutoCloseable {
  private final Backend backend = Backends.open("cpu", BackendOptions.threads(1));
  private Tensor tensor = backend.allocate(DType.F32, Shape.of(1), Category.COMMUNICATION);

  void fill(long elements, float value) {
    if (tensor.elements() != elements) {
      tensor.release();
      tensor = backend.allocate(DType.F32, Shape.of(elements), Category.COMMUNICATION);
    }
    backend.fill(tensor, value);
  }

  float element(long index) {
    return tensor.segment().getAtIndex(JAVA_FLOAT, index);
  }

  Tensor tensor() {
    return tensor;
  }

  @Override
  public void close() {
    tensor.release();
    backend.close();
  }
}
