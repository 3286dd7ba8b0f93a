package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.GradientCheck;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.RecomputedSegments;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Gradients of whole models, every element of every parameter, against central differences in double precision.
class ModelGradientTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private void check(Model model, Supplier<Batch> batch) {
    double scale = 1.0 / 3;
    try (ParameterStore store = new ParameterStore(backend, model.parameters(), DType.F64)) {
      TestModels.randomise(backend, store);
      estimate(model, store, SavedTensors.keep(), scale, batch);
      store.combineUses();
      Evaluator evaluator = new Evaluator(backend, model);
      try (Batch fixed = batch.get()) {
        for (Parameter parameter : store.parameters()) {
          double[] gradient = TestTensors.values(backend, parameter.gradient());
          GradientCheck.check(
              parameter.name(),
              backend,
              parameter.value(),
              gradient,
              () -> scale * evaluator.evaluate(fixed).lossSum());
        }
      }
    }
  }

  private void estimate(
      Model model, ParameterStore store, SavedTensors saved, double scale, Supplier<Batch> batch) {
    FixedBatches.one(scale, (group, index) -> batch.get())
        .run(
            new Backpropagation(backend, model, store, saved, WeightGradient.EXACT), lossSum -> {});
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gpt(boolean bias) {
    Gpt model = TestModels.gpt(bias);
    check(model, () -> TestModels.text(backend, model.config(), 6, 0, 2));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void llama(boolean tied) {
    Llama model = TestModels.llama(tied);
    check(model, () -> TestModels.text(backend, 9, 6, 0, 2));
  }

  @Test
  void mlp() {
    Mlp model = TestModels.mlp();
    check(model, () -> TestModels.features(backend, model.config(), DType.F64, 0, 5));
  }

  @Test
  void cnn() {
    Cnn model = TestModels.cnn();
    check(model, () -> TestModels.images(backend, model.config(), DType.F64, 0, 3));
  }

  @Test
  void recomputedSegmentsGiveTheSameBitsInLessMemory() {
    Gpt model = new Gpt(new GptConfig(4, 2, 32, 16, 9, true));
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      TestModels.randomise(backend, store);
      double[][] gradients = new double[2][];
      long[] peaks = new long[2];
      SavedTensors[] both = {new RecomputedSegments(), SavedTensors.keep()};
      for (int i = 0; i < 2; i++) {
        estimate(
            model, store, both[i], 1, () -> TestModels.text(backend, model.config(), 16, 0, 4));
        gradients[i] = TestTensors.values(backend, store.gradients());
        peaks[i] = backend.memory().peak(Category.ACTIVATION);
        Assertions.assertEquals(0, backend.memory().live(Category.ACTIVATION));
      }
      assertArrayEquals(gradients[1], gradients[0]);
      // The peak never falls, so the leaner run goes first; without it one block of four and its
      // inputs are live at a time.
      Assertions.assertTrue(peaks[0] < 0.5 * peaks[1], peaks[0] + " of " + peaks[1] + " bytes");
    }
  }
}
