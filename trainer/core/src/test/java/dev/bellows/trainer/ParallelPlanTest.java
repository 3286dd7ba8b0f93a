package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.StateTensor;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import dev.bellows.trainer.config.ConfigException;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParallelPlanTest {
  private static Model model(RunConfig config) {
    return new TinyModels().create(config.model(), Plans.layout(config));
  }

  private static String refusal(RunConfig config) {
    BellowsException refusal = assertThrows(BellowsException.class, () -> Plans.of(config));
    assertEquals(ErrorCategory.CONFIGURATION, refusal.category());
    return refusal.getMessage();
  }

  private static String wrong(String model, String... overrides) {
    return assertThrows(ConfigException.class, () -> Plans.text(model, overrides)).getMessage();
  }

  @Test
  void degreesThatAreNotTheWorkers() {
    assertEquals(
        "override parallel.tensor=3: parallel.pipeline 1 · parallel.context 1 · parallel.tensor 3 ="
            + " 3 does not divide the number of workers, 4; valid would be parallel.tensor 1, 2 or"
            + " 4, or workers.count 3 or 6",
        wrong(Plans.GPT, "workers=4", "parallel.tensor=3"));
  }

  @Test
  void moreDataRanksThanGroups() {
    assertEquals(
        "override workers=32: workers.count is 32, which makes 16 data ranks; they must be at most"
            + " batch.groups, which is 8, because a data rank owns whole groups",
        wrong(Plans.GPT, "parallel.tensor=2", "workers=32"));
  }

  @Test
  void headsThatCannotBeShared() {
    assertEquals(
        "parallel.tensor is 8; it must divide model.heads, which is 4",
        refusal(Plans.text(Plans.GPT, "workers=8", "parallel.tensor=8")));
    String three = Plans.LLAMA.replace("heads: 8, keyValueHeads: 2", "heads: 12, keyValueHeads: 3");
    assertEquals(
        "parallel.tensor is 2; it must divide model.keyValueHeads, which is 3, or be a multiple of"
            + " it",
        refusal(
            Plans.text(three.replace("width: 64", "width: 96"), "workers=2", "parallel.tensor=2")));
  }

  @Test
  void widthsThatCannotBeShared() {
    assertEquals(
        "parallel.tensor is 4, which does not divide the 10 outputs of layers.0.weight; valid would"
            + " be 1, 2, 5, 10",
        refusal(Plans.digits("{kind: mlp, hidden: [10]}", "workers=4", "parallel.tensor=4")));
    assertEquals(
        "parallel.tensor is 2, but there is no rule that splits a model of this kind; it must be 1",
        refusal(Plans.digits("{kind: cnn, channels: [4, 8]}", "workers=2", "parallel.tensor=2")));
  }

  @Test
  void fewerLayersThanStages() {
    assertEquals(
        "parallel.pipeline is 8, but the model has 4 layers; each stage needs one, so it must be 4"
            + " or less",
        refusal(Plans.text(Plans.GPT, "workers=8", "parallel.pipeline=8")));
    assertEquals(
        "parallel.pipeline is 2, but the model has 1 layer; each stage needs one, so it must be 1",
        refusal(Plans.digits("{kind: cnn, channels: [4, 8]}", "workers=2", "parallel.pipeline=2")));
  }

  /// 8 groups of one micro-batch of 4 over 4 data ranks: two each.
  @Test
  void tooFewMicroBatchesForThePipeline() {
    assertEquals(
        "parallel.pipeline is 4, but a step gives a data rank 2 micro-batches; the schedule 1f1b"
            + " needs 4 or more, so lower batch.micro, or raise batch.global, or lower"
            + " parallel.data",
        refusal(Plans.text(Plans.GPT, "batch.micro=4", "workers=16", "parallel.pipeline=4")));
    assertEquals(
        "parallel.pipeline is 2, but a step gives a data rank 1 micro-batch; the schedule"
            + " interleaved needs 2 or more, so lower batch.micro, or raise batch.global, or lower"
            + " parallel.data",
        refusal(
            Plans.text(
                Plans.GPT,
                "batch={global: 8, micro: 1, groups: 8}",
                "workers=16",
                "parallel={pipeline: 2, schedule: interleaved}")));
  }

  @Test
  void rulesThatNeedMoreThanAnElement() {
    assertEquals(
        "parallel.tensor is 2, but the update rule of h.0.attn.c_attn.weight needs the whole"
            + " matrix; with optimizer.kind muon it must be 1",
        refusal(Plans.text(Plans.GPT, "workers=2", "parallel.tensor=2", "optimizer=muon")));
    assertEquals(
        "parallel.tensor is 2, but the update rule of wte.weight needs sums over whole rows and"
            + " columns; with optimizer.kind adafactor it must be 1",
        refusal(Plans.text(Plans.GPT, "workers=2", "parallel.tensor=2", "optimizer=adafactor")));
    Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.pipeline=2", "optimizer=muon"));
  }

  @Test
  void theUnitsCostsAreTheModels() {
    List<RunConfig> configs =
        List.of(
            Plans.text(Plans.GPT),
            Plans.text(Plans.LLAMA),
            Plans.digits("{kind: mlp, hidden: [24, 12]}"),
            Plans.digits("{kind: mlp, hidden: []}"),
            Plans.digits("{kind: cnn, channels: [4, 8]}"));
    for (RunConfig config : configs) {
      Model model = model(config);
      UnitCosts costs = UnitCosts.of(config, model, new TinyModels(), Plans.layout(config));
      assertEquals(model.flopsPerSample(), costs.totalFlops(), 1e-6 * model.flopsPerSample());
      long activations = costs.activations().stream().mapToLong(Long::longValue).sum();
      assertEquals(model.activationBytes(2), activations, model.toString());
      for (int unit = 0; unit < costs.flops().size(); unit++) {
        assertTrue(costs.flops().get(unit) >= 0, model + " unit " + unit);
        assertTrue(costs.shared().get(unit) >= 0, model + " unit " + unit);
        assertTrue(costs.activations().get(unit) >= costs.shared().get(unit), model + " " + unit);
      }
    }
  }

  /// Everything that a session allocates for the whole run, from the same classes, against the plan of one worker: exactly.
  @ParameterizedTest
  @ValueSource(strings = {"adamw", "sgd", "lion", "adafactor", "muon"})
  void bytesOfOneRankAreWhatIsAllocated(String rule) {
    for (String model : List.of(Plans.GPT, Plans.LLAMA, Plans.TIED_LLAMA)) {
      RunConfig config = Plans.text(model, "optimizer=" + rule, "train.precision=bf16");
      DeviceBytes plan = Plans.of(config).bytes(0, 0, config.parallel().zero());
      List<Parameter> parameters = model(config).parameters();
      try (Backend backend = Backends.open("reference", BackendOptions.threads(1));
          ParameterStore store =
              new ParameterStore(backend, parameters, config.train().precision());
          Optimizer optimizer =
              Recipe.optimizer(UpdatePlan.of(config.optimizer(), parameters), backend, store)) {
        assertEquals(store.values().bytes(), plan.parameters());
        assertEquals(store.values().bytes() / 2, plan.operands());
        assertEquals(store.gradients().bytes(), plan.gradients());
        long state = 0;
        for (int i = 0; i < optimizer.spans().size(); i++) {
          for (StateTensor tensor : optimizer.state(i)) {
            state += Float.BYTES * ParameterStore.placed(tensor.tensor().elements());
          }
        }
        assertEquals(state, plan.optimizer());
        // The pool rounds up to an eighth of a power of two.
        assertEquals(
            state, backend.memory().live(Category.OPTIMIZER), state / 8.0 + 64, "live bytes");
      }
    }
  }

  /// What a worker tells before it knows its rank is what the one that holds most needs.
  @Test
  void aWorkersNeedIsTheMostOfAny() {
    for (String mesh : List.of("data: 4", "data: 4, zero: 3", "pipeline: 2, tensor: 2")) {
      RunConfig config = Plans.text(Plans.GPT, "workers=4", "parallel={" + mesh + "}");
      ParallelPlan plan = Plans.of(config);
      long most = 0;
      for (int stage = 0; stage < plan.mesh().pipeline(); stage++) {
        for (int tensor = 0; tensor < plan.mesh().tensor(); tensor++) {
          DeviceBytes bytes = plan.bytes(stage, tensor, config.parallel().zero());
          most = Math.max(most, bytes.total());
        }
      }
      WorkerSite nowhere = new WorkerSite(0, 0, "", "", "", 0, Long.MAX_VALUE);
      assertEquals(most, plan.memoryNeed(nowhere).device());
    }
  }

  @Test
  void tensorRanksShareWhatIsSplit() {
    RunConfig one = Plans.text(Plans.LLAMA);
    RunConfig two = Plans.text(Plans.LLAMA, "workers=2", "parallel.tensor=2");
    long whole = Plans.of(one).bytes(0, 0, 0).parameters();
    long norms = 9L * 64 * 4;
    long first = Plans.of(two).bytes(0, 0, 0).parameters();
    long second = Plans.of(two).bytes(0, 1, 0).parameters();
    assertEquals(whole + norms, first + second);
    // The odd token of 259, in the table and in the head.
    assertEquals(2 * 64 * 4, first - second);
  }

  /// 2.18 million elements over 4 data ranks.
  @Test
  void zeroSharesOutWhatItSays() {
    String model = "{kind: gpt, layers: 4, heads: 4, width: 208, context: 16}";
    ParallelPlan plan = Plans.of(Plans.text(model, "workers=4"));
    DeviceBytes[] zero = new DeviceBytes[4];
    for (int stage = 0; stage < 4; stage++) {
      zero[stage] = plan.bytes(0, 0, stage);
    }
    double block = 4096 * 4 + 64;
    assertEquals(zero[0].optimizer() / 4.0, zero[1].optimizer(), 2 * block);
    assertEquals(zero[0].gradients(), zero[1].gradients());
    assertEquals(zero[0].parameters(), zero[2].parameters());
    long unit = 4 * (12L * 208 * 208 + 13L * 208);
    assertEquals(zero[0].gradients() / 4.0 + unit, zero[2].gradients(), 11 * block);
    assertTrue(zero[2].partialSums() < zero[1].partialSums());
    assertEquals(zero[0].parameters() / 4.0 + 2 * unit, zero[3].parameters(), block);
    // With one data rank there is nobody to share with.
    ParallelPlan alone = Plans.of(Plans.text(model));
    assertEquals(alone.bytes(0, 0, 0), alone.bytes(0, 0, 3));
  }

  @Test
  void aPipelineKeepsAsManyMicroBatchesAsItsScheduleSays() {
    String[] halves = {"workers=2", "parallel.pipeline=2"};
    ParallelPlan alternating = Plans.of(Plans.text(Plans.GPT, halves));
    ParallelPlan gpipe =
        Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel={pipeline: 2, schedule: gpipe}"));
    assertEquals(16, gpipe.schedule().microBatches());
    assertEquals(8 * alternating.bytes(0, 0, 0).activations(), gpipe.bytes(0, 0, 0).activations());
    assertEquals(16 * alternating.bytes(1, 0, 0).activations(), gpipe.bytes(1, 0, 0).activations());
    long whole = Plans.of(Plans.text(Plans.GPT)).bytes(0, 0, 0).activations();
    assertEquals(
        whole,
        alternating.bytes(0, 0, 0).activations() / 2 + alternating.bytes(1, 0, 0).activations());
  }

  /// An all-reduce by tree over 2 ranks with 4 groups each: each sends one term's half and half of the sum.
  @Test
  void bytesOnTheWire() {
    ParallelPlan data = Plans.of(Plans.text(Plans.GPT, "workers=2"));
    long gradients =
        4 * model(data.config()).parameters().stream().mapToLong(p -> p.shape().elements()).sum();
    assertEquals(new WireBytes(0, gradients, 0, 0), data.wire(0, 0, 0));
    // Micro-batches of 2 samples of 16 tokens of 32 elements; 16 of them; 4 blocks of 2 branches; a
    // sum in forward and one in backward.
    ParallelPlan tensor = Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.tensor=2"));
    long activation = 2L * 16 * 32 * 4;
    long loss = 2L * 16 * 3 * 4;
    assertEquals(
        new WireBytes(0, 0, 0, 16 * ((4 * 4 + 2) * activation + loss)), tensor.wire(0, 0, 0));
    ParallelPlan pipeline = Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.pipeline=2"));
    long table = 256L * 32 * 4;
    assertEquals(new WireBytes(16 * activation + table, 0, 0, 0), pipeline.wire(1, 0, 0));
    ParallelPlan context = Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.context=2"));
    assertEquals(
        new WireBytes(0, 0, gradients + 3 * 16 * activation * 4, 0), context.wire(0, 0, 0));
  }

  @Test
  void theStepIsPredictedFromTheSlowestStage() {
    ParallelPlan one = Plans.of(Plans.text(Plans.GPT));
    double flops = model(one.config()).flopsPerSample() * 32;
    assertEquals(flops / 1e9, one.computeSeconds(1e9), 1e-15 * flops);
    ParallelPlan tensor = Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.tensor=2"));
    assertEquals(flops / 2e9, tensor.computeSeconds(1e9), 1e-15 * flops);
    ParallelPlan pipeline = Plans.of(Plans.text(Plans.GPT, "workers=2", "parallel.pipeline=2"));
    double slowest = Math.max(pipeline.flopsPerMicroBatch(0), pipeline.flopsPerMicroBatch(1));
    assertEquals(17 * slowest / 1e9, pipeline.computeSeconds(1e9), 1e-15 * flops);
    assertEquals(0, one.wireSeconds(1));
    assertEquals(tensor.wire(0, 0, 0).total() / 5e9, tensor.wireSeconds(5e9), 1e-12);
  }
}
