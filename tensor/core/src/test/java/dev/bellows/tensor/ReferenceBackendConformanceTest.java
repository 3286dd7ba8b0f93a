package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The oracle keeps its own contract, and the suite finds faults when there are some.
class ReferenceBackendConformanceTest extends BackendConformance {
  @Override
  protected Backend open(int threads) {
    return Backends.open("reference", BackendOptions.threads(threads));
  }

  /// The negative control of the whole suite: one element off by a few tolerances fails each case that has an output.
  @Test
  void oneWrongElementFailsTheComparison() {
    List<List<OperationCase>> groups =
        List.of(
            ElementwiseCases.moving(),
            ElementwiseCases.activations(),
            ElementwiseCases.updates(),
            LayerCases.products(),
            LayerCases.columnSums(),
            LayerCases.layerNorms(),
            LayerCases.embeddings(),
            LayerCases.losses(),
            LayerCases.attentions());
    try (Backend reference = new ReferenceBackend()) {
      for (OperationCase operation : groups.stream().flatMap(List::stream).toList()) {
        OperationCase.Argument output =
            operation.arguments().stream()
                .filter(a -> a.role() != OperationCase.Role.INPUT)
                .findFirst()
                .orElseThrow();
        if (output.shape().elements() == 0 || output.shape().elements() > 20_000) {
          continue;
        }
        OperationRunner.Outcome right = OperationRunner.run(reference, operation, 0, false);
        OperationRunner.Outcome wrong =
            new OperationRunner.Outcome(new LinkedHashMap<>(right.contents()), right.scalars());
        float[] values = OperationRunner.floats(right.contents().get(output.name()));
        int last = values.length - 1;
        double tolerance = output.tolerance().at(last, values[last]);
        values[last] = Math.nextUp((float) (values[last] + 2 * tolerance));
        wrong
            .contents()
            .put(output.name(), MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE));
        assertThrows(
            AssertionError.class,
            () -> OperationRunner.compare(operation, right, wrong, false),
            operation::name);
        assertThrows(
            AssertionError.class,
            () -> OperationRunner.sameBits(operation, "a fault", right, wrong),
            operation::name);
      }
    }
  }

  @Test
  void overlappingArgumentsAreRefused() {
    try (Backend reference = new ReferenceBackend();
        Tensor x = reference.allocate(DType.F32, Shape.of(10), Category.WORKSPACE);
        Tensor other = reference.allocate(DType.F32, Shape.of(6), Category.WORKSPACE)) {
      assertThrows(IllegalArgumentException.class, () -> reference.gelu(x, x));
      assertThrows(
          IllegalArgumentException.class, () -> reference.add(x.slice(0, 6), other, x.slice(1, 6)));
      reference.fill(x, 1);
      reference.fill(other, 1);
      reference.add(x.slice(0, 6), other, x.slice(0, 6));
    }
  }

  @Test
  void aReleasedTensorIsRefused() {
    try (Backend reference = new ReferenceBackend()) {
      Tensor x = reference.allocate(DType.F32, Shape.of(10), Category.WORKSPACE);
      x.release();
      assertThrows(IllegalStateException.class, () -> reference.fill(x, 1));
    }
  }
}
