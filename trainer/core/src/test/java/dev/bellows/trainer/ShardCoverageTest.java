package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.plan.Placement;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.parallelism.plan.ShardingPlan.Held;
import dev.bellows.trainer.config.RunConfig;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every parameter of every model with rules, at every degree that it can be split by: the shards of all tensor ranks together are the parameter.
class ShardCoverageTest {
  static Stream<RunConfig> configurations() {
    return Stream.of(
            Stream.of(1, 2, 4).map(t -> text(Plans.GPT, t, 1)),
            Stream.of(1, 2, 4)
                .map(t -> text(Plans.GPT.replace("context", "bias: false, context"), t, 2)),
            Stream.of(1, 2, 4, 8).map(t -> text(Plans.LLAMA, t, 2)),
            Stream.of(1, 2, 4, 8).map(t -> text(Plans.TIED_LLAMA, t, 4)),
            Stream.of(1, 2, 3, 4).map(t -> digits("{kind: mlp, hidden: [24, 12]}", t)),
            Stream.of(1, 2, 5).map(t -> digits("{kind: mlp, hidden: [20]}", t)),
            Stream.of(1, 3).map(t -> digits("{kind: mlp, hidden: []}", t)))
        .flatMap(each -> each);
  }

  private static RunConfig text(String model, int tensor, int pipeline) {
    return Plans.text(
        model,
        "workers=" + tensor * pipeline,
        "parallel={tensor: " + tensor + ", pipeline: " + pipeline + "}");
  }

  private static RunConfig digits(String model, int tensor) {
    return Plans.digits(model, "workers=" + tensor, "parallel.tensor=" + tensor);
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void theShardsAreTheParameter(RunConfig config) {
    ParallelPlan plan = Plans.of(config);
    int degree = plan.mesh().tensor();
    int splits = 0;
    for (Placement placement : plan.sharding().placements()) {
      String name = placement.parameter().name();
      Shard first = plan.sharding().shard(placement, 0);
      int[] copies = new int[(int) first.shape().dim(first.dim())];
      int[] seen = new int[copies.length];
      Set<String> distinct = new HashSet<>();
      for (int rank = 0; rank < degree; rank++) {
        Shard shard = plan.sharding().shard(placement, rank);
        assertEquals(first.dim(), shard.dim(), name);
        assertEquals(placement.parameter().shape(), shard.shape(), name);
        for (Piece piece : shard.pieces()) {
          assertTrue(distinct.add(piece.start() + "/" + piece.copy()), name + " " + piece);
          assertTrue(piece.copy() >= 0 && piece.copy() < piece.copies(), name + " " + piece);
          for (long i = piece.start(); i < piece.end(); i++) {
            seen[(int) i]++;
            copies[(int) i] = piece.copies();
          }
        }
      }
      for (int i = 0; i < seen.length; i++) {
        assertTrue(seen[i] >= 1, name + " has nobody for " + i);
        assertEquals(copies[i], seen[i], name + " at " + i);
      }
      if (placement.split() == Split.REPLICATED) {
        assertTrue(first.isWhole(), name);
        assertEquals(degree, copies[0], name);
      } else if (placement.split() != Split.HEADS) {
        assertEquals(1, copies[0], name);
        splits++;
      }
    }
    assertTrue(splits > 0);
  }

  /// Pipeline: each stage holds at least a layer, and each parameter lies on one stage, but a tied one on those of its uses.
  @ParameterizedTest
  @MethodSource("configurations")
  void theStagesAreTheModel(RunConfig config) {
    ShardingPlan sharding = Plans.of(config).sharding();
    int held = 0;
    for (int stage = 0; stage < config.mesh().pipeline(); stage++) {
      int now = stage;
      assertTrue(
          sharding.placements().stream()
              .anyMatch(
                  p ->
                      p.split() == Split.ROW && p.stages().contains(now)
                          || config.mesh().pipeline() == 1),
          "stage " + stage + " has no layer");
      for (Held one : sharding.held(stage, 0)) {
        assertTrue(one.placement().stages().contains(stage));
        held++;
      }
    }
    int twice = 0;
    for (Placement placement : sharding.placements()) {
      boolean tied =
          sharding.placements().stream()
                  .filter(p -> p.parameter().primary() == placement.parameter().primary())
                  .count()
              > 1;
      boolean apart = tied && config.mesh().pipeline() > 1;
      assertEquals(apart ? 2 : 1, placement.stages().size(), placement.toString());
      twice += apart ? 1 : 0;
    }
    assertEquals(sharding.placements().size() + twice, held);
  }
}
