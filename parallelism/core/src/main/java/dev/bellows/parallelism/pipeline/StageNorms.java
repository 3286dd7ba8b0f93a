package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Parameter;
import dev.bellows.parallelism.Collectives;
import java.util.List;
import java.util.function.ToDoubleFunction;

/// The squared norm of all gradients, from each stage's share: one FP64 norm for each parameter, added in the model's order, so with the bits of one rank.
/// A parameter that several stages hold is counted once. Threads: that of the stage.
public final class StageNorms {
  private final ModelCut cut;
  private final int stage;
  private final Collectives pipeline;
  private final List<Parameter> primaries;

  /// The norms of the parameters of `cut`, as seen by `stage`; `pipeline` are the ranks of the pipeline axis, rank s of which plays stage s.
  public StageNorms(ModelCut cut, int stage, Collectives pipeline) {
    this.cut = cut;
    this.stage = stage;
    this.pipeline = pipeline;
    this.primaries = cut.primaries();
  }

  /// The norms that this stage contributes, in the model's order: `squaredNorm` of each parameter that it counts, 0 for one that is frozen.
  public double[] own(ToDoubleFunction<Parameter> squaredNorm) {
    return primaries.stream()
        .filter(parameter -> cut.stageOf(parameter) == stage)
        .mapToDouble(squaredNorm)
        .toArray();
  }

  /// The sum of all stages' [#own], indexed by stage.
  public double sum(double[][] byStage) {
    int[] next = new int[byStage.length];
    double sum = 0;
    for (Parameter parameter : primaries) {
      int owner = cut.stageOf(parameter);
      sum += byStage[owner][next[owner]++];
    }
    return sum;
  }

  /// Exchanges the norms and returns their sum, the same on every stage. All stages call it. Errors: as [Collectives].
  public double exchange(ToDoubleFunction<Parameter> squaredNorm) {
    return sum(pipeline.allGather(own(squaredNorm)));
  }
}
