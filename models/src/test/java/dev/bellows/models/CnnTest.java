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

class CnnTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  @Test
  void hasTheParametersOfPyTorchsExample() {
    Cnn model = new Cnn(new CnnConfig(1, 28, 28, 32, 64, 5, 10));
    assertEquals(
        List.of(
            "conv1.weight[32, 1, 5, 5]",
            "conv1.bias[32]",
            "conv2.weight[64, 32, 5, 5]",
            "conv2.bias[64]",
            "fc.weight[10, 3136]",
            "fc.bias[10]"),
        model.parameters().stream().map(Parameter::toString).toList());
    double first = 25.0 * 32 * 28 * 28;
    double second = 32 * 25.0 * 64 * 14 * 14;
    assertEquals(6 * (first + second + 31_360), model.flopsPerSample());
    assertEquals(1, model.rowsPerSample());
    assertEquals(
        List.of(true, false, true, false, true, false),
        model.parameters().stream().map(Parameter::isDecayed).toList());
  }

  @Test
  void firstValuesFillTheRangeOfOneOverTheRootOfTheFanIn() {
    Cnn model = new Cnn(new CnnConfig(2, 8, 8, 16, 32, 3, 10));
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      store.initialise(1);
      for (Parameter parameter : store.parameters()) {
        int fanIn =
            parameter.name().startsWith("conv1")
                ? 18
                : parameter.name().startsWith("conv2") ? 144 : 128;
        double bound = 1 / Math.sqrt(fanIn);
        double largest =
            Arrays.stream(TestTensors.values(backend, parameter.value()))
                .map(Math::abs)
                .max()
                .orElseThrow();
        assertTrue(
            largest <= bound && largest > 0.7 * bound,
            parameter + ": largest is " + largest + " of " + bound);
      }
    }
  }

  @Test
  void theActivationEstimateIsThePeakOfAStep() {
    for (CnnConfig config :
        List.of(
            new CnnConfig(1, 12, 16, 8, 4, 3, 10), new CnnConfig(1, 8, 8, 2, 24, 5, 3))) {
      try (ReferenceBackend own = new ReferenceBackend()) {
        Cnn model = new Cnn(config);
        try (ParameterStore store = new ParameterStore(own, model.parameters())) {
          store.initialise(1);
          FixedBatches.one(1, (group, index) -> TestModels.images(own, config, DType.F32, 0, 32))
              .run(
                  new Backpropagation(own, model, store, SavedTensors.keep(), WeightGradient.EXACT),
                  lossSum -> {});
          double ratio =
              (double) own.memory().peak(Category.ACTIVATION) / model.activationBytes(32);
          assertTrue(
              ratio > 0.85 && ratio < 1.15, config + ": measured over estimated is " + ratio);
          assertEquals(0, own.memory().live(Category.ACTIVATION));
        }
      }
    }
  }

  @Test
  void imagesOfAnotherSizeAndBadSizesAreRefused() {
    Cnn model = TestModels.cnn();
    try (Batch batch =
            TestModels.images(
                backend, new CnnConfig(1, 7, 6, 2, 3, 3, 4), DType.F32, 0, 2);
        Tape tape = Tape.evaluating(backend)) {
      assertThrows(IllegalArgumentException.class, () -> model.logits(tape, batch));
    }
    assertThrows(IllegalArgumentException.class, () -> new CnnConfig(0, 8, 8, 2, 2, 3, 4));
    assertThrows(IllegalArgumentException.class, () -> new CnnConfig(1, 3, 8, 2, 2, 3, 4));
    assertThrows(IllegalArgumentException.class, () -> new CnnConfig(1, 8, 8, 2, 2, 4, 4));
  }
}
