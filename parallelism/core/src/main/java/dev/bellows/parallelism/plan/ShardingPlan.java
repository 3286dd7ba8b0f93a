package dev.bellows.parallelism.plan;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Sharding;
import dev.bellows.nn.Split;
import dev.bellows.nn.Unit;
import dev.bellows.parallelism.Mesh;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Which rank of a mesh holds which part of which parameter. A function of units, names, shapes and degrees alone; the model itself knows nothing of it.
/// Immutable.
public final class ShardingPlan {
  /// A parameter as one rank holds it.
  ///
  /// @param placement where the parameter lies
  /// @param shard the rank's part
  public record Held(Placement placement, Shard shard) {}

  private final Mesh mesh;
  private final Stages stages;
  private final TensorRules rules;
  private final List<Placement> placements = new ArrayList<>();

  /// The plan for a model of `traits` with these `units`. Errors: [IllegalArgumentException] in one sentence when the mesh cannot share the model.
  public ShardingPlan(ModelTraits traits, List<Unit> units, Mesh mesh, Stages stages) {
    this.mesh = mesh;
    this.stages = stages;
    this.rules = new TensorRules(traits, mesh.tensor());
    Map<Parameter, Integer> numbers = numbers(traits, units);
    Map<Parameter, Set<Integer>> holders = new HashMap<>();
    numbers.forEach(
        (parameter, unit) ->
            holders
                .computeIfAbsent(parameter.primary(), primary -> new TreeSet<>())
                .add(stages.stageOfUnit(unit)));
    numbers.forEach(
        (parameter, unit) -> {
          rules.shard(parameter.name(), parameter.shape(), 0);
          placements.add(
              new Placement(
                  parameter,
                  rules.split(parameter.name()),
                  unit,
                  holders.get(parameter.primary()),
                  pattern(traits, parameter.name())));
        });
  }

  /// The number of each parameter's unit: 0 before the layers, 1 to L the layers, L + 1 behind them; in the model's order. A model that cannot be split
  /// is one layer.
  private static Map<Parameter, Integer> numbers(ModelTraits traits, List<Unit> units) {
    Map<Parameter, Integer> numbers = new LinkedHashMap<>();
    int layer = 0;
    for (Unit unit : units) {
      int number =
          switch (unit.position()) {
            case BEFORE -> 0;
            case LAYER -> ++layer;
            case BEHIND -> traits.layers() + 1;
          };
      boolean whole = traits.family() == ModelTraits.Family.WHOLE;
      unit.parameters().forEach(parameter -> numbers.put(parameter, whole ? 1 : number));
    }
    return numbers;
  }

  /// The name with its layer's number replaced by `*`: what the layers have in common.
  private static String pattern(ModelTraits traits, String name) {
    return traits.isDecoder() ? name.replaceFirst("\\.\\d+\\.", ".*.") : name;
  }

  /// The mesh.
  public Mesh mesh() {
    return mesh;
  }

  /// The cut of layers into stages.
  public Stages stages() {
    return stages;
  }

  /// Every parameter and tied use, in the model's order.
  public List<Placement> placements() {
    return List.copyOf(placements);
  }

  /// The part of `placement`'s parameter that tensor rank `tensorRank` of each of its stages holds.
  public Shard shard(Placement placement, int tensorRank) {
    Parameter parameter = placement.parameter();
    return rules.shard(parameter.name(), parameter.shape(), tensorRank);
  }

  /// What tensor rank `tensorRank` holds, for a store of the parameters of any stage. A tied use is held like its primary.
  public Sharding sharding(int tensorRank) {
    return new Sharding() {
      @Override
      public Split split(Parameter parameter) {
        return rules.split(parameter.name());
      }

      @Override
      public Shard shard(Parameter parameter) {
        return rules.shard(parameter.name(), parameter.shape(), tensorRank);
      }
    };
  }

  /// What the ranks at this coordinate of the pipeline and tensor axes hold, in the model's order; ZeRO cuts it further.
  public List<Held> held(int stage, int tensorRank) {
    return placements.stream()
        .filter(placement -> placement.stages().contains(stage))
        .map(placement -> new Held(placement, shard(placement, tensorRank)))
        .toList();
  }
}
