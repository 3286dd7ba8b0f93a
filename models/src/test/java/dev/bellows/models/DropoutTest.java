package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.RecomputedSegments;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.ReferenceBackend;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Dropout of whole models: what is dropped depends on the seed, the sample's place in the run and the layer, on nothing else.
class DropoutTest {
  private static final int SAMPLES = 4;
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  static List<LanguageModel> models() {
    return List.of(
        new Gpt(new GptConfig(2, 2, 8, 6, 9, true, 0.3)),
        new Llama(new LlamaConfig(2, 2, 1, 8, 5, 6, 9, 100, true, 0.3)));
  }

  /// Loss sum, then the gradients, of samples `from` to `from` + 3 cut into `microBatches`.
  private double[] step(
      LanguageModel model, SavedTensors saved, long seed, int from, int microBatches) {
    int each = SAMPLES / microBatches;
    try (ParameterStore store = new ParameterStore(backend, model.parameters(), DType.F64)) {
      TestModels.randomise(backend, store);
      double[] loss = new double[1];
      new FixedBatches(
              0,
              1,
              microBatches,
              0.1,
              (group, index) -> {
                int first = from + index * each;
                return TestModels.text(backend, 9, 6, first, first + each);
              })
          .run(
              new Backpropagation(
                  backend, model, store, saved, WeightGradient.EXACT, Loss.PLAIN, seed),
              lossSum -> loss[0] = lossSum);
      double[] gradients = TestTensors.values(backend, store.gradients());
      double[] all = Arrays.copyOf(loss, 1 + gradients.length);
      System.arraycopy(gradients, 0, all, 1, gradients.length);
      return all;
    }
  }

  private double[] step(LanguageModel model, long seed, int microBatches) {
    return step(model, SavedTensors.keep(), seed, 0, microBatches);
  }

  @ParameterizedTest
  @MethodSource("models")
  void theCutIntoMicroBatchesChangesNothing(LanguageModel model) {
    double[] whole = step(model, 5, 1);
    // The sums are the same up to the order of their terms; one more or less dropped element shows at once.
    assertArrayEquals(whole, step(model, 5, 2), 1e-12);
    assertArrayEquals(whole, step(model, 5, 4), 1e-12);
  }

  @ParameterizedTest
  @MethodSource("models")
  void theSeedDecides(LanguageModel model) {
    assertArrayEquals(step(model, 5, 1), step(model, 5, 1));
    assertFalse(Arrays.equals(step(model, 5, 1), step(model, 6, 1)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void recomputedSegmentsDropTheSame(LanguageModel model) {
    assertArrayEquals(
        step(model, SavedTensors.keep(), 5, 8, 2), step(model, new RecomputedSegments(), 5, 8, 2));
  }

  @Test
  void evaluationDropsNothing() {
    double[] losses = new double[2];
    for (int i = 0; i < 2; i++) {
      Gpt model = new Gpt(new GptConfig(2, 2, 8, 6, 9, true, i * 0.5));
      try (ParameterStore store = new ParameterStore(backend, model.parameters());
          Batch batch = TestModels.text(backend, 9, 6, 0, 4)) {
        TestModels.randomise(backend, store);
        losses[i] = new Evaluator(backend, model).evaluate(batch).lossSum();
      }
    }
    assertEquals(losses[0], losses[1]);
  }
}
