package dev.bellows.parallelism.plan;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Sharding;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.Mesh;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Which rank of a mesh holds which part of which parameter. A function of names, shapes and degrees alone; the model itself knows nothing of it.
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

  /// The plan for a model of `traits` with these `parameters` and tied uses. Errors: [IllegalArgumentException] in one sentence when the mesh cannot
  /// share the model.
  public ShardingPlan(ModelTraits traits, List<Parameter> parameters, Mesh mesh, Stages stages) {
    this.mesh = mesh;
    this.stages = stages;
    this.rules = new TensorRules(traits, mesh.tensor());
    Map<Parameter, Set<Integer>> holders = new HashMap<>();
    for (Parameter parameter : parameters) {
      holders
          .computeIfAbsent(parameter.primary(), primary -> new TreeSet<>())
          .add(stages.stageOfUnit(Layers.unit(traits, parameter.name())));
    }
    for (Parameter parameter : parameters) {
      rules.shard(parameter.name(), parameter.shape(), 0);
      placements.add(
          new Placement(
              parameter,
              rules.split(parameter.name()),
              Layers.unit(traits, parameter.name()),
              holders.get(parameter.primary()),
              Layers.pattern(traits, parameter.name())));
    }
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
