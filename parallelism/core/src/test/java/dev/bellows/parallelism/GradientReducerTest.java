package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;

class GradientReducerTest {
  private static final int BYTES = 4_096;

  private static long partialSums(Backend backend, int groups, Reduction mode) {
    try (ParameterStore store =
            new ParameterStore(
                backend,
                List.of(Parameter.of("w", Shape.of(BYTES / 4), Initializer.constant(0), false)));
        GradientReducer reducer =
            new GradientReducer(
                backend,
                store,
                new BatchTree(groups, 1),
                0,
                new Collectives(Transport.single(), (p, w) -> {}),
                mode)) {
      for (int group = 0; group < groups; group++) {
        backend.fill(store.gradients(), 1);
        reducer.endGroup(group);
      }
      reducer.reduce();
      assertEquals((double) groups * BYTES / 4, backend.sum(store.gradients()));
      return backend.memory().peak(Category.GRADIENT) / BYTES - 1;
    }
  }

  @Test
  void holdsNoMoreThanTheLogarithmOfPartialSums() {
    for (int log = 0; log <= 6; log++) {
      try (Backend backend = new ReferenceBackend()) {
        assertEquals(log, partialSums(backend, 1 << log, Reduction.TREE), (1 << log) + " groups");
      }
    }
    try (Backend backend = new ReferenceBackend()) {
      assertEquals(1, partialSums(backend, 16, Reduction.RANK_ORDER));
    }
  }

  @Test
  void refusesGroupsOutOfOrderAndCanStartAgain() {
    try (Backend backend = new ReferenceBackend();
        ParameterStore store =
            new ParameterStore(
                backend, List.of(Parameter.of("w", Shape.of(8), Initializer.constant(0), false)));
        GradientReducer reducer =
            new GradientReducer(
                backend,
                store,
                new BatchTree(4, 1),
                0,
                new Collectives(Transport.single(), (p, w) -> {}),
                Reduction.TREE)) {
      reducer.endGroup(0);
      assertThrows(IllegalStateException.class, () -> reducer.endGroup(2));
      assertTrue(
          assertThrows(IllegalStateException.class, reducer::reduce)
              .getMessage()
              .contains("group 1"));
      reducer.reset();
      for (int group = 0; group < 4; group++) {
        backend.fill(store.gradients(), group);
        reducer.endGroup(group);
      }
      assertThrows(IllegalStateException.class, () -> reducer.endGroup(4));
      reducer.reduce();
      assertEquals(6.0 * 16, backend.sum(store.gradients()));
    }
  }
}
