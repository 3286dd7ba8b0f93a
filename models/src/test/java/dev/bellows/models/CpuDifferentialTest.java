package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole models on the CPU backend in F32 against the scalar oracle in F64, on sizes that are no multiple of anything.
///
/// Tolerances: F32 rounds to 6e-8, and the sums here have up to a few hundred terms in blocks. A loss sum may differ by 1e-5 of itself, a
/// parameter's gradient by 2e-5 of its norm; a wrong term anywhere is far larger.
class CpuDifferentialTest {
  private static final double LOSS = 1e-5;
  private static final double GRADIENT = 2e-5;

  /// What one pass gives.
  private record Outcome(double lossSum, Evaluation evaluation, Map<String, double[]> gradients) {}

  private static Outcome run(Backend backend, DType dtype, Model model, Supplier<Batch> batch) {
    try (ParameterStore store = new ParameterStore(backend, model.parameters(), dtype)) {
      TestModels.randomise(backend, store);
      double[] loss = new double[1];
      FixedBatches.one(0.01, (group, index) -> batch.get())
          .run(
              new Backpropagation(backend, model, store, SavedTensors.keep(), WeightGradient.EXACT),
              lossSum -> loss[0] = lossSum);
      Map<String, double[]> gradients = new LinkedHashMap<>();
      for (Parameter parameter : model.parameters()) {
        gradients.put(parameter.name(), TestTensors.values(backend, parameter.gradient()));
      }
      try (Batch again = batch.get()) {
        return new Outcome(loss[0], new Evaluator(backend, model).evaluate(again), gradients);
      }
    }
  }

  private static Backend cpu(int threads) {
    return Backends.open("cpu", BackendOptions.threads(threads));
  }

  private static void compare(Supplier<Model> model, BiFunction<Backend, DType, Batch> batch) {
    try (Backend reference = new ReferenceBackend();
        Backend cpu = cpu(2)) {
      Outcome expected =
          run(reference, DType.F64, model.get(), () -> batch.apply(reference, DType.F64));
      Outcome actual = run(cpu, DType.F32, model.get(), () -> batch.apply(cpu, DType.F32));
      assertEquals(expected.lossSum(), actual.lossSum(), LOSS * expected.lossSum());
      assertEquals(expected.lossSum(), actual.evaluation().lossSum(), LOSS * expected.lossSum());
      assertEquals(expected.evaluation().rows(), actual.evaluation().rows());
      assertEquals(expected.evaluation().correct(), actual.evaluation().correct());
      expected
          .gradients()
          .forEach((name, gradient) -> close(name, gradient, actual.gradients().get(name)));
    }
  }

  private static void close(String name, double[] expected, double[] actual) {
    double size = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      size += expected[i] * expected[i];
      difference += (expected[i] - actual[i]) * (expected[i] - actual[i]);
    }
    double ratio = Math.sqrt(difference / size);
    assertTrue(
        size > 0 && ratio <= GRADIENT, name + ": gradient differs by " + ratio + " of its norm");
  }

  private static final GptConfig AWKWARD = new GptConfig(2, 3, 39, 21, 37, true);

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gpt(boolean bias) {
    compare(
        () -> new Gpt(new GptConfig(2, 3, 39, 21, 37, bias)),
        (backend, dtype) -> TestModels.text(backend, AWKWARD, 21, 0, 3));
  }

  @Test
  void gptOnShortSequences() {
    compare(() -> new Gpt(AWKWARD), (backend, dtype) -> TestModels.text(backend, AWKWARD, 5, 0, 3));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void llama(boolean tied) {
    compare(
        () -> new Llama(new LlamaConfig(2, 6, 2, 60, 45, 21, 37, 1e4, tied)),
        (backend, dtype) -> TestModels.text(backend, 37, 21, 0, 3));
  }

  @Test
  void cnn() {
    CnnConfig config = new CnnConfig(3, 13, 18, 5, 7, 3, 11);
    compare(
        () -> new Cnn(config),
        (backend, dtype) -> TestModels.images(backend, config, dtype, 0, 21));
  }

  @Test
  void mlp() {
    MlpConfig config = new MlpConfig(33, java.util.List.of(45, 17), 11);
    compare(
        () -> new Mlp(config),
        (backend, dtype) -> TestModels.features(backend, config, dtype, 0, 29));
  }

  @Test
  void threadsDoNotChangeTheBits() {
    GptConfig gpt = new GptConfig(2, 4, 64, 48, 65, false, 0.1);
    sameBits(() -> new Gpt(gpt), cpu -> TestModels.text(cpu, gpt, 48, 0, 5));
    LlamaConfig llama = new LlamaConfig(2, 4, 2, 64, 96, 48, 65, 1e4, true, 0.2);
    sameBits(() -> new Llama(llama), cpu -> TestModels.text(cpu, 65, 48, 0, 5));
    CnnConfig cnn = new CnnConfig(1, 28, 28, 8, 16, 5, 10);
    sameBits(() -> new Cnn(cnn), cpu -> TestModels.images(cpu, cnn, DType.F32, 0, 37));
  }

  private static void sameBits(Supplier<Model> model, Function<Backend, Batch> batch) {
    Map<String, double[]> first = null;
    for (int threads : new int[] {1, 2, 3, 2}) {
      try (Backend cpu = cpu(threads)) {
        Map<String, double[]> gradients =
            run(cpu, DType.F32, model.get(), () -> batch.apply(cpu)).gradients();
        if (first == null) {
          first = gradients;
        }
        for (String name : first.keySet()) {
          assertArrayEquals(
              first.get(name), gradients.get(name), name + " with " + threads + " threads");
        }
      }
    }
  }
}
