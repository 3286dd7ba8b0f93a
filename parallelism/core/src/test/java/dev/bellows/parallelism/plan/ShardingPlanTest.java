package dev.bellows.parallelism.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Unit.Position;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.pipeline.PipelineSchedule;
import dev.bellows.parallelism.plan.ModelTraits.Family;
import dev.bellows.tensor.Shape;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Single rules by hand. That whole models are covered is asserted where the models are, in the trainer's ShardCoverageTest.
class ShardingPlanTest {
  private static final ModelTraits LLAMA = new ModelTraits(Family.LLAMA, 2, 8, 2, 32);
  private static final String QKV = "model.layers.0.self_attn.qkv_proj.weight";

  private static Shard shard(ModelTraits traits, String name, int degree, int rank, long... shape) {
    return new TensorRules(traits, degree).shard(name, Shape.of(shape), rank);
  }

  private static String refusal(ModelTraits traits, String name, int degree, long... shape) {
    return assertThrows(IllegalArgumentException.class, () -> shard(traits, name, degree, 0, shape))
        .getMessage();
  }

  private static Unit unit(Position position, Parameter parameter) {
    return new PlannedUnit("unit of " + parameter.name(), position, List.of(parameter), 8);
  }

  /// 8 query heads and 2 key and value heads of 4 rows: 32 + 8 + 8 rows.
  @Test
  void headsAreSplitWhole() {
    assertEquals(
        List.of(new Piece(16, 16, 0, 1), new Piece(36, 4, 0, 1), new Piece(44, 4, 0, 1)),
        shard(LLAMA, QKV, 2, 1, 48, 32).pieces());
  }

  /// Four ranks, two key and value heads: ranks 2 and 3 share the second.
  @Test
  void keyAndValueHeadsAreCopiedWhenRanksOutnumberThem() {
    assertEquals(
        List.of(new Piece(16, 8, 0, 1), new Piece(36, 4, 0, 2), new Piece(44, 4, 0, 2)),
        shard(LLAMA, QKV, 4, 2, 48, 32).pieces());
    assertEquals(
        List.of(new Piece(24, 8, 0, 1), new Piece(36, 4, 1, 2), new Piece(44, 4, 1, 2)),
        shard(LLAMA, QKV, 4, 3, 48, 32).pieces());
  }

  @Test
  void bothHalvesAreSplit() {
    Shard shard = shard(LLAMA, "model.layers.1.mlp.gate_up_proj.weight", 2, 1, 40, 32);
    assertEquals(List.of(new Piece(10, 10, 0, 1), new Piece(30, 10, 0, 1)), shard.pieces());
    assertEquals(Shape.of(20, 32), shard.localShape());
  }

  @Test
  void theFirstRanksTakeOneRowMoreOfAnUnevenVocabulary() {
    String head = "lm_head.weight";
    assertEquals(Shape.of(4, 32), shard(LLAMA, head, 4, 0, 15, 32).localShape());
    assertEquals(List.of(new Piece(8, 4, 0, 1)), shard(LLAMA, head, 4, 2, 15, 32).pieces());
    assertEquals(List.of(new Piece(12, 3, 0, 1)), shard(LLAMA, head, 4, 3, 15, 32).pieces());
  }

  @Test
  void rowParallelLayersAreSplitByInputsAndTheirBiasesCopied() {
    ModelTraits gpt = new ModelTraits(Family.GPT, 1, 2, 2, 8);
    Shard weight = shard(gpt, "h.0.mlp.c_proj.weight", 2, 1, 8, 32);
    assertEquals(Shape.of(8, 16), weight.localShape());
    assertEquals(1, weight.dim());
    Shard bias = shard(gpt, "h.0.mlp.c_proj.bias", 2, 1, 8);
    assertTrue(bias.isWhole());
    assertEquals(List.of(new Piece(0, 8, 1, 2)), bias.pieces());
  }

  @Test
  void whatCannotBeShared() {
    assertEquals(
        "parallel.tensor is 3; it must divide model.heads, which is 8",
        refusal(LLAMA, QKV, 3, 48, 32));
    assertEquals(
        "parallel.tensor is 2; it must divide model.keyValueHeads, which is 3, or be a multiple of"
            + " it",
        refusal(new ModelTraits(Family.LLAMA, 2, 6, 3, 24), QKV, 2, 48, 24));
    assertEquals(
        "parallel.tensor is 4, which does not divide the 10 outputs of"
            + " model.layers.0.mlp.gate_up_proj.weight; valid would be 1, 2, 5, 10",
        refusal(LLAMA, "model.layers.0.mlp.gate_up_proj.weight", 4, 20, 32));
    assertEquals(
        "parallel.tensor is 8, more than the 7 rows of lm_head.weight",
        refusal(LLAMA, "lm_head.weight", 8, 7, 32));
    assertEquals(
        "parallel.tensor is 2, but there is no rule that splits a model of this kind; it must be 1",
        refusal(new ModelTraits(Family.WHOLE, 1, 0, 0, 0), "conv1.weight", 2, 8, 8));
  }

  /// Copying what no rule knows would hide a defect.
  @Test
  void aNameWithoutARuleIsADefect() {
    assertThrows(
        IllegalStateException.class, () -> shard(LLAMA, "model.layers.0.gate.weight", 2, 0, 8, 8));
  }

  @Test
  void aTiedTableLiesOnTheFirstAndTheLastStage() {
    Parameter table = Parameter.of("wte.weight", Shape.of(10, 8), Initializer.constant(0), true);
    Parameter first =
        Parameter.of("h.0.mlp.c_fc.weight", Shape.of(32, 8), Initializer.constant(0), true);
    Parameter last =
        Parameter.of("h.1.mlp.c_fc.weight", Shape.of(32, 8), Initializer.constant(0), true);
    double[] costs = {0, 1, 1, 0};
    ShardingPlan plan =
        new ShardingPlan(
            new ModelTraits(Family.GPT, 2, 2, 2, 8),
            List.of(
                unit(Position.BEFORE, table),
                unit(Position.LAYER, first),
                unit(Position.LAYER, last),
                unit(Position.BEHIND, table.tie("lm_head.weight"))),
            new Mesh(2, 1, 1, 2),
            Stages.balance(costs, costs, 2, 1));
    assertEquals(
        List.of(Set.of(0, 1), Set.of(0), Set.of(1), Set.of(0, 1)),
        plan.placements().stream().map(Placement::stages).toList());
    assertEquals(
        List.of("wte.weight", "h.1.mlp.c_fc.weight", "lm_head.weight"),
        plan.held(1, 0).stream().map(held -> held.placement().parameter().name()).toList());
    assertEquals("h.*.mlp.c_fc.weight", plan.placements().get(1).pattern());
  }

  @Test
  void schedulesByKind() {
    assertEquals(8, ScheduleKind.GPIPE.schedule(4, 8).peakActivations(0));
    assertEquals(4, ScheduleKind.ONE_FORWARD_ONE_BACKWARD.schedule(4, 8).peakActivations(0));
    PipelineSchedule interleaved = ScheduleKind.INTERLEAVED.schedule(4, 8);
    assertEquals(2, interleaved.chunksPerStage());
    assertEquals(11, interleaved.peakActivations(0));
    assertEquals(3 / 19.0, interleaved.bubbleFraction(), 1e-12);
  }
}
