package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Tape;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.SgdStep;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GptTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private static long count(Gpt model) {
    return model.parameters().stream()
        .filter(p -> !p.isTied())
        .mapToLong(p -> p.shape().elements())
        .sum();
  }

  @Test
  void hasTheParametersOfGpt2() {
    Gpt model = new Gpt(new GptConfig(12, 12, 768, 1024, 50257, true));
    assertEquals(124_439_808L, count(model));
    List<String> names = model.parameters().stream().map(Parameter::name).toList();
    assertEquals(2 + 12 * 12 + 2 + 1, names.size());
    assertEquals(
        List.of(
            "wte.weight",
            "wpe.weight",
            "h.0.ln_1.weight",
            "h.0.ln_1.bias",
            "h.0.attn.c_attn.weight",
            "h.0.attn.c_attn.bias",
            "h.0.attn.c_proj.weight",
            "h.0.attn.c_proj.bias",
            "h.0.ln_2.weight",
            "h.0.ln_2.bias",
            "h.0.mlp.c_fc.weight",
            "h.0.mlp.c_fc.bias",
            "h.0.mlp.c_proj.weight",
            "h.0.mlp.c_proj.bias",
            "h.1.ln_1.weight"),
        names.subList(0, 15));
    assertEquals(
        List.of("ln_f.weight", "ln_f.bias", "lm_head.weight"),
        names.subList(names.size() - 3, names.size()));
  }

  @Test
  void hasNoBiasesWithoutBias() {
    // nanoGPT's character model on a CPU: 0.80 M parameters, positions not counted.
    Gpt model = new Gpt(new GptConfig(4, 4, 128, 64, 65, false));
    assertTrue(model.parameters().stream().noneMatch(p -> p.name().endsWith("bias")));
    assertEquals(4 * (12 * 128 * 128 + 2 * 128) + 128 + 65 * 128 + 64 * 128, count(model));
  }

  @Test
  void weightDecayIsForMatricesOnly() {
    for (Parameter parameter : TestModels.gpt(true).parameters()) {
      assertEquals(parameter.shape().rank() == 2, parameter.isDecayed(), parameter.name());
    }
  }

  @Test
  void firstWeightsHaveTheDeviationsOfGpt2() {
    Gpt model = new Gpt(new GptConfig(2, 2, 64, 32, 50, true));
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      store.initialise(1);
      for (Parameter parameter : store.parameters()) {
        double deviation =
            Math.sqrt(backend.squaredNorm(parameter.value()) / parameter.shape().elements());
        double expected =
            parameter.name().endsWith("bias")
                ? 0
                : parameter.name().contains("ln_")
                    ? 1
                    : parameter.name().endsWith("c_proj.weight") ? 0.02 / 2 : 0.02;
        // Five times the deviation of a deviation estimated from n normal numbers.
        assertEquals(
            expected,
            deviation,
            5 * expected / Math.sqrt(2.0 * parameter.shape().elements()),
            parameter.name());
      }
    }
  }

  @Test
  void knowsNothingAtFirst() {
    Gpt model = new Gpt(new GptConfig(2, 2, 32, 16, 50, true));
    try (ParameterStore store = new ParameterStore(backend, model.parameters());
        Batch batch = TestModels.text(backend, model.config(), 16, 0, 4)) {
      store.initialise(1);
      Evaluation evaluation = new Evaluator(backend, model).evaluate(batch);
      assertEquals(64, evaluation.rows());
      assertEquals(Math.log(50), evaluation.meanLoss(), 0.05);
    }
  }

  @Test
  void aPositionSeesNothingBehindItAndAShortSequenceIsAPrefix() {
    Gpt model = TestModels.gpt(true);
    int[] ids = TestTensors.randomIds(5, 6, 9);
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      TestModels.randomise(backend, store);
      double[] whole = logits(model, ids);
      double[] prefix = logits(model, java.util.Arrays.copyOf(ids, 4));
      for (int i = 0; i < prefix.length; i++) {
        assertEquals(whole[i], prefix[i], 1e-5);
      }
      ids[5] = (ids[5] + 1) % 9;
      double[] changed = logits(model, ids);
      assertArrayEquals(
          java.util.Arrays.copyOf(whole, 5 * 9), java.util.Arrays.copyOf(changed, 5 * 9));
      assertTrue(whole[5 * 9] != changed[5 * 9], "the last position sees itself");
    }
  }

  private double[] logits(Gpt model, int[] ids) {
    try (Batch batch =
            new Batch(
                TestTensors.ids(backend, ids, 1, ids.length),
                TestTensors.ids(backend, ids, ids.length),
                1);
        Tape tape = Tape.evaluating(backend)) {
      return TestTensors.values(backend, model.logits(tape, batch).value());
    }
  }

  @Test
  void anOverlongSequenceIsRefused() {
    Gpt model = TestModels.gpt(true);
    int[] ids = new int[7];
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> logits(model, ids));
    assertTrue(error.getMessage().contains("context 6"), error.getMessage());
  }

  @Test
  void badSizesAreRefusedInOneSentence() {
    String error =
        assertThrows(IllegalArgumentException.class, () -> new GptConfig(2, 3, 8, 6, 9, true))
            .getMessage();
    assertEquals(
        "the width of a GPT must be a multiple of its heads, but width is 8 and heads is 3", error);
    for (int bad = 0; bad < 5; bad++) {
      int[] sizes = {1, 1, 1, 1, 1};
      sizes[bad] = 0;
      assertThrows(
          IllegalArgumentException.class,
          () -> new GptConfig(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], true));
    }
  }

  @Test
  void flopsFollowTheWeightsAndThePairs() {
    Gpt model = new Gpt(new GptConfig(6, 6, 384, 256, 65, false));
    double weights = 6 * 12 * 384 * 384 + 65 * 384;
    double attention = 6.0 * 256 * 257 * 384 * 6;
    assertEquals(6 * 256 * weights + attention, model.flopsPerSample());
  }

  @Test
  void theActivationEstimateIsThePeakOfAStep() {
    for (GptConfig config :
        List.of(new GptConfig(3, 2, 32, 24, 40, true), new GptConfig(2, 4, 16, 32, 300, false))) {
      try (ReferenceBackend own = new ReferenceBackend()) {
        Gpt model = new Gpt(config);
        try (ParameterStore store = new ParameterStore(own, model.parameters())) {
          store.initialise(1);
          FixedBatches.one(
                  1, (group, index) -> TestModels.text(own, config, config.context(), 0, 4))
              .run(
                  new Backpropagation(own, model, store, SavedTensors.keep(), WeightGradient.EXACT),
                  lossSum -> {});
          double ratio = (double) own.memory().peak(Category.ACTIVATION) / model.activationBytes(4);
          assertTrue(
              ratio > 0.85 && ratio < 1.15, config + ": measured over estimated is " + ratio);
          assertEquals(0, own.memory().live(Category.ACTIVATION));
        }
      }
    }
  }

  @Test
  void evaluationNeedsTheMemoryOfOneBlock() {
    long[] peaks = new long[2];
    for (int i = 0; i < 2; i++) {
      try (ReferenceBackend own = new ReferenceBackend()) {
        GptConfig config = new GptConfig(i == 0 ? 1 : 6, 2, 32, 24, 40, true);
        Gpt model = new Gpt(config);
        try (ParameterStore store = new ParameterStore(own, model.parameters());
            Batch batch = TestModels.text(own, config, 24, 0, 4)) {
          store.initialise(1);
          new Evaluator(own, model).evaluate(batch);
          peaks[i] = own.memory().peak(Category.ACTIVATION);
        }
      }
    }
    assertEquals(peaks[0], peaks[1]);
    // Widest is the GELU: four widths before, four after, and the residual beside them.
    assertTrue(peaks[0] <= 1.13 * 9 * 4 * 24 * 32 * Float.BYTES, peaks[0] + " bytes");
  }

  @Test
  void plainGradientDescentOverfitsABatch() {
    Gpt model = new Gpt(new GptConfig(2, 2, 16, 8, 9, true));
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      store.initialise(3);
      double[] losses = descend(model, store, 150, 0.5);
      assertEquals(Math.log(9), losses[0], 0.1);
      assertTrue(
          losses[losses.length - 1] < losses[0] / 5,
          "loss fell from " + losses[0] + " to " + losses[losses.length - 1]);
    }
  }

  private double[] descend(Gpt model, ParameterStore store, int steps, double rate) {
    Backpropagation backpropagation =
        new Backpropagation(backend, model, store, SavedTensors.keep(), WeightGradient.EXACT);
    double scale = 1.0 / (4 * model.rowsPerSample());
    FixedBatches step =
        FixedBatches.one(
            scale,
            (group, index) ->
                TestModels.text(backend, model.config(), model.rowsPerSample(), 0, 4));

    try (var momentum =
        TestTensors.of(backend, store.values().dtype(), i -> 0, store.values().elements())) {
      return IntStream.range(0, steps)
          .mapToDouble(
              i -> {
                double[] loss = new double[1];
                step.run(backpropagation, lossSum -> loss[0] = scale * lossSum);
                store.combineUses();
                backend.sgd(
                    new SgdStep(rate, 0, false, 0, 1, i + 1),
                    store.values(),
                    store.primaryGradients(),
                    momentum);
                return loss[0];
              })
          .toArray();
    }
  }
}
