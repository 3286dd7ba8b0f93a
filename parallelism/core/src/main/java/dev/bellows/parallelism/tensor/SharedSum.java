package dev.bellows.parallelism.tensor;

import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Sums scattered tensors over ranks by one all-reduce of a buffer that holds them side by side.
final class SharedSum implements AutoCloseable {
  private final Backend backend;
  private final Collectives collectives;
  private final List<Tensor> tensors;
  private final List<Tensor> places = new ArrayList<>();
  private final Optional<Tensor> buffer;

  /// Sums of `tensors`, which are borrowed for the life of this object.
  SharedSum(Backend backend, Collectives collectives, List<Tensor> tensors) {
    this.backend = backend;
    this.collectives = collectives;
    this.tensors = List.copyOf(tensors);
    long elements = tensors.stream().mapToLong(Tensor::elements).sum();
    this.buffer =
        elements == 0
            ? Optional.empty()
            : Optional.of(backend.allocate(DType.F32, Shape.of(elements), Category.COMMUNICATION));
    long start = 0;
    for (Tensor tensor : elements == 0 ? List.<Tensor>of() : tensors) {
      places.add(buffer.orElseThrow().slice(start, tensor.shape().dims()));
      start += tensor.elements();
    }
  }

  long elements() {
    return buffer.map(Tensor::elements).orElse(0L);
  }

  void reduce() {
    if (buffer.isEmpty()) {
      return;
    }
    for (int i = 0; i < places.size(); i++) {
      backend.copy(tensors.get(i), places.get(i));
    }
    collectives.allReduceSum(buffer.get());
    for (int i = 0; i < places.size(); i++) {
      backend.copy(places.get(i), tensors.get(i));
    }
  }

  @Override
  public void close() {
    buffer.ifPresent(Tensor::release);
  }
}
