package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Tape;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MlpTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  @Test
  void hasWeightsAndBiasesInForwardOrder() {
    Mlp model = new Mlp(new MlpConfig(784, List.of(1000, 1000), 10));
    assertEquals(
        List.of(
            "layers.0.weight[1000, 784]",
            "layers.0.bias[1000]",
            "layers.1.weight[1000, 1000]",
            "layers.1.bias[1000]",
            "layers.2.weight[10, 1000]",
            "layers.2.bias[10]"),
        model.parameters().stream().map(Parameter::toString).toList());
    assertEquals(6.0 * (784_000 + 1_000_000 + 10_000), model.flopsPerSample());
    assertEquals(1, model.rowsPerSample());
  }

  @Test
  void firstValuesFillTheRangeOfOneOverTheRootOfTheInputs() {
    Mlp model = new Mlp(new MlpConfig(100, List.of(64), 50));
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      store.initialise(1);
      for (Parameter parameter : store.parameters()) {
        double bound =
            parameter.name().startsWith("layers.0") ? 1 / Math.sqrt(100) : 1 / Math.sqrt(64);
        double largest =
            Arrays.stream(TestTensors.values(backend, parameter.value()))
                .map(Math::abs)
                .max()
                .orElseThrow();
        assertTrue(
            largest <= bound && largest > 0.85 * bound,
            parameter + ": largest is " + largest + " of " + bound);
      }
    }
  }

  @Test
  void aLinearClassifierIsAnMlpWithoutHiddenLayers() {
    Mlp model = new Mlp(new MlpConfig(3, List.of(), 2));
    assertEquals(2, model.parameters().size());
  }

  @Test
  void theActivationEstimateIsThePeakOfAStep() {
    MlpConfig config = new MlpConfig(50, List.of(128, 128), 10);
    Mlp model = new Mlp(config);
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      store.initialise(1);
      FixedBatches.one(1, (group, index) -> TestModels.features(backend, config, DType.F32, 0, 32))
          .run(
              new Backpropagation(backend, model, store, SavedTensors.keep(), WeightGradient.EXACT),
              lossSum -> {});
      double ratio =
          (double) backend.memory().peak(Category.ACTIVATION) / model.activationBytes(32);
      assertTrue(ratio > 0.85 && ratio < 1.15, "measured over estimated is " + ratio);
    }
  }

  @Test
  void featuresOfAnotherWidthAreRefused() {
    Mlp model = TestModels.mlp();
    try (Batch batch =
            TestModels.features(backend, new MlpConfig(8, List.of(), 4), DType.F32, 0, 2);
        Tape tape = Tape.evaluating(backend)) {
      assertThrows(IllegalArgumentException.class, () -> model.logits(tape, batch));
    }
  }

  @Test
  void badSizesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new MlpConfig(0, List.of(), 2));
    assertThrows(IllegalArgumentException.class, () -> new MlpConfig(3, List.of(4, 0), 2));
    assertThrows(IllegalArgumentException.class, () -> new MlpConfig(3, List.of(), 0));
  }
}
