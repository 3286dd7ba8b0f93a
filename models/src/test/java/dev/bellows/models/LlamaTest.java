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
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LlamaTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private static long count(Llama model) {
    return model.parameters().stream()
        .filter(p -> !p.isTied())
        .mapToLong(p -> p.shape().elements())
        .sum();
  }

  @Test
  void hasTheParametersOfLlama() {
    // Llama 2 7B as published: 6,738,415,616 parameters. Llama 3.2 1B: tied, grouped queries, 1,235,814,400.
    assertEquals(
        6_738_415_616L,
        count(new Llama(new LlamaConfig(32, 32, 32, 4096, 11008, 4096, 32000, 1e4, false))));
    assertEquals(
        1_235_814_400L,
        count(new Llama(new LlamaConfig(16, 32, 8, 2048, 8192, 131072, 128256, 5e5, true))));
    // Two thirds of 512 are 341.3.
    assertEquals(384, LlamaConfig.intermediateOf(128));
    assertEquals(1024, LlamaConfig.intermediateOf(384));
  }

  @Test
  void namesAreThoseOfHuggingFaceWithFusedProjections() {
    List<String> names =
        TestModels.llama(false).parameters().stream().map(Parameter::name).toList();
    assertEquals(
        List.of(
            "model.embed_tokens.weight",
            "model.layers.0.input_layernorm.weight",
            "model.layers.0.self_attn.qkv_proj.weight",
            "model.layers.0.self_attn.o_proj.weight",
            "model.layers.0.post_attention_layernorm.weight",
            "model.layers.0.mlp.gate_up_proj.weight",
            "model.layers.0.mlp.down_proj.weight",
            "model.layers.1.input_layernorm.weight"),
        names.subList(0, 8));
    assertEquals(
        List.of("model.norm.weight", "lm_head.weight"),
        names.subList(names.size() - 2, names.size()));
  }

  @Test
  void weightDecayIsForMatricesOnly() {
    for (Parameter parameter : TestModels.llama(true).parameters()) {
      assertEquals(parameter.shape().rank() == 2, parameter.isDecayed(), parameter.name());
    }
  }

  @Test
  void knowsNothingAtFirst() {
    Llama model = new Llama(new LlamaConfig(2, 2, 1, 32, 64, 16, 50, 1e4, false));
    try (ParameterStore store = new ParameterStore(backend, model.parameters());
        Batch batch = TestModels.text(backend, 50, 16, 0, 4)) {
      store.initialise(1);
      Evaluation evaluation = new Evaluator(backend, model).evaluate(batch);
      assertEquals(64, evaluation.rows());
      assertEquals(Math.log(50), evaluation.meanLoss(), 0.05);
    }
  }

  @Test
  void aPositionSeesNothingBehindItAndOrderMatters() {
    Llama model = TestModels.llama(false);
    int[] ids = {3, 5, 8, 1, 0, 7};
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      TestModels.randomise(backend, store);
      double[] whole = logits(model, ids);
      double[] prefix = logits(model, Arrays.copyOf(ids, 4));
      for (int i = 0; i < prefix.length; i++) {
        assertEquals(whole[i], prefix[i], 1e-5);
      }
      // Without positions the last row would see the same set of tokens.
      double[] swapped = logits(model, new int[] {5, 3, 8, 1, 0, 7});
      double difference = 0;
      for (int i = 5 * 9; i < 6 * 9; i++) {
        difference = Math.max(difference, Math.abs(whole[i] - swapped[i]));
      }
      assertTrue(difference > 1e-3, "the last position does not see the order: " + difference);
    }
  }

  private double[] logits(Llama model, int[] ids) {
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
  void theTiedHeadSharesTheTable() {
    Llama model = TestModels.llama(true);
    Parameter head = model.parameters().getLast();
    assertTrue(head.isTied());
    assertEquals("model.embed_tokens.weight", head.primary().name());
  }

  @Test
  void badSizesAreRefusedInOneSentence() {
    assertEquals(
        "a Llama needs a width that is a multiple of twice its heads, and heads that are a multiple"
            + " of its keyValueHeads, but width is 12, heads is 4 and keyValueHeads is 2",
        assertThrows(
                IllegalArgumentException.class,
                () -> new LlamaConfig(1, 4, 2, 12, 8, 8, 9, 1e4, false))
            .getMessage());
    assertThrows(
        IllegalArgumentException.class, () -> new LlamaConfig(1, 4, 3, 16, 8, 8, 9, 1e4, false));
    assertThrows(
        IllegalArgumentException.class, () -> new LlamaConfig(1, 4, 2, 16, 8, 8, 9, 0, false));
    int[] ids = new int[7];
    String error =
        assertThrows(
                IllegalArgumentException.class, () -> logits(TestModels.llama(false), ids))
            .getMessage();
    assertTrue(error.startsWith("a Llama with context 6 takes I32 ids"), error);
  }

  @Test
  void flopsFollowTheWeightsAndThePairs() {
    Llama model = new Llama(new LlamaConfig(6, 6, 2, 384, 1024, 256, 65, 1e4, false));
    double block = 384.0 * (384 + 2 * 128) + 384 * 384 + 3 * 384 * 1024;
    double attention = 6.0 * 256 * 257 * 384 * 6;
    assertEquals(6 * 256 * (6 * block + 65 * 384) + attention, model.flopsPerSample());
  }

  @Test
  void theActivationEstimateIsThePeakOfAStep() {
    for (LlamaConfig config :
        List.of(
            new LlamaConfig(3, 2, 1, 32, 64, 24, 40, 1e4, true),
            new LlamaConfig(2, 4, 2, 16, 64, 32, 300, 1e4, false))) {
      try (ReferenceBackend own = new ReferenceBackend()) {
        Llama model = new Llama(config);
        try (ParameterStore store = new ParameterStore(own, model.parameters())) {
          store.initialise(1);
          FixedBatches.one(
                  1,
                  (group, index) ->
                      TestModels.text(own, config.vocabulary(), config.context(), 0, 4))
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
  void aGeneratorWritesWithIt() {
    Llama model = TestModels.llama(false);
    try (ParameterStore store = new ParameterStore(backend, model.parameters())) {
      TestModels.randomise(backend, store);
      int[] text = new TextGenerator(backend, model).generate(new int[] {1, 2}, 9, 0, 0, 1);
      double[] last = logits(model, Arrays.copyOfRange(text, 4, 10));
      int best = 0;
      for (int i = 1; i < 9; i++) {
        best = last[5 * 9 + i] > last[5 * 9 + best] ? i : best;
      }
      assertArrayEquals(new int[] {1, 2}, Arrays.copyOf(text, 2));
      assertEquals(best, text[10], "the likeliest token behind the last six");
    }
  }
}
