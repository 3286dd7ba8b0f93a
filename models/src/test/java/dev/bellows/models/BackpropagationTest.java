package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// From a step's batches to gradient sums.
class BackpropagationTest {
  private static final int SAMPLES = 8;

  private final ReferenceBackend backend = new ReferenceBackend();
  private final Gpt model = TestModels.gpt(true);
  private final double scale = 1.0 / (SAMPLES * model.config().context());
  private ParameterStore store;
  private Backpropagation backpropagation;

  @BeforeEach
  void place() {
    store = new ParameterStore(backend, model.parameters(), DType.F64);
    TestModels.randomise(backend, store);
    backpropagation =
        new Backpropagation(backend, model, store, SavedTensors.keep(), WeightGradient.EXACT);
  }

  @AfterEach
  void leavesNothingBehind() {
    store.close();
    backend.close();
  }

  /// All samples, cut into groups and micro-batches.
  private FixedBatches step(int groups, int microBatches) {
    int each = SAMPLES / groups / microBatches;
    return new FixedBatches(
        0,
        groups,
        microBatches,
        scale,
        (group, index) -> {
          int first = (group * microBatches + index) * each;
          return TestModels.text(
              backend, model.config(), model.config().context(), first, first + each);
        });
  }

  private double[] gradients() {
    return TestTensors.values(backend, store.gradients());
  }

  @Test
  void microBatchesOfAGroupAddUpToTheWholeBatch() {
    double[] losses = new double[2];
    step(1, 1).run(backpropagation, lossSum -> losses[0] = lossSum);
    double[] whole = gradients();
    step(1, 4).run(backpropagation, lossSum -> losses[1] = lossSum);
    double[] cut = gradients();
    assertEquals(losses[0], losses[1], 1e-12 * losses[0]);
    assertArrayEquals(whole, cut, 1e-14);
    assertTrue(norm(whole) > 1e-3, "the gradient is " + norm(whole));
  }

  @Test
  void groupsAreSumsOfTheirOwnThatAddUpToo() {
    step(1, 1).run(backpropagation, lossSum -> {});
    double[] whole = gradients();
    double[] sum = new double[whole.length];
    List<Integer> events =
        step(4, 2)
            .run(
                backpropagation,
                lossSum -> {
                  double[] group = gradients();
                  for (int i = 0; i < sum.length; i++) {
                    sum[i] += group[i];
                  }
                });
    assertEquals(List.of(0, 1, 2, 3, -1), events);
    assertArrayEquals(whole, sum, 1e-14);
  }

  @Test
  void theSameStepGivesTheSameBits() {
    List<double[]> runs = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      // What an earlier step has left must not matter.
      backend.fill(store.gradients(), Double.NaN);
      step(2, 2).run(backpropagation, lossSum -> runs.add(new double[] {lossSum}));
      store
          .parameters()
          .forEach(parameter -> runs.add(TestTensors.values(backend, parameter.gradient())));
    }
    int half = runs.size() / 2;
    for (int i = 0; i < half; i++) {
      assertArrayEquals(runs.get(i), runs.get(half + i));
    }
  }

  @Test
  void tiedUsesStayApartUntilTheyAreCombined() {
    Parameter tokens = model.parameters().getFirst();
    Parameter head = model.parameters().getLast();
    assertEquals("wte.weight", tokens.name());
    assertEquals("lm_head.weight", head.name());
    step(1, 1).run(backpropagation, lossSum -> {});
    double[] first = TestTensors.values(backend, tokens.gradient());
    double[] last = TestTensors.values(backend, head.gradient());
    assertNotEquals(0, norm(first));
    assertNotEquals(0, norm(last));
    store.combineUses();
    double[] combined = TestTensors.values(backend, tokens.gradient());
    for (int i = 0; i < combined.length; i++) {
      assertEquals(first[i] + last[i], combined[i]);
    }
  }

  @Test
  void aBatchThatFailsInTheMiddleLeaksNothing() {
    FixedBatches broken =
        FixedBatches.one(
            scale,
            (group, index) ->
                new Batch(
                    TestTensors.ids(backend, new int[] {0, 1, model.config().vocabulary()}, 1, 3),
                    TestTensors.ids(backend, new int[3], 3),
                    1));
    assertThrows(IndexOutOfBoundsException.class, () -> broken.run(backpropagation, lossSum -> {}));
    assertEquals(0, backend.memory().live(Category.ACTIVATION));
  }

  private static double norm(double[] x) {
    double sum = 0;
    for (double element : x) {
      sum += element * element;
    }
    return Math.sqrt(sum);
  }
}
