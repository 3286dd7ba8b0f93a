package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.nn.Precision;
import dev.bellows.nn.Sharding;
import dev.bellows.parallelism.pipeline.ModelCut;
import dev.bellows.parallelism.pipeline.PipelineSchedule;
import dev.bellows.parallelism.tensor.CollectiveTensorGroup;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.RunConfig;

/// What a rank must know to build its [ModelPart].
///
/// @param config the run's
/// @param parallel who holds what
/// @param model the whole model, on shapes only
/// @param updates which rule updates which parameter of `model`
/// @param backend the rank's device
/// @param precision in which it trains
/// @param groups its place and its neighbours
/// @param tensorGroup the ranks that share its layers
record PartPlan(
    RunConfig config,
    ParallelPlan parallel,
    Model model,
    UpdatePlan updates,
    Backend backend,
    Precision precision,
    RankGroups groups,
    CollectiveTensorGroup tensorGroup) {
  /// The model's units by chunk.
  ModelCut cut() {
    return parallel.sharding().stages().cut(model.units());
  }

  /// How the tensor axis shares the parameters.
  Sharding sharding() {
    return parallel.sharding().sharding(groups.at().tensor());
  }

  /// The stages' lists for a step of `microBatches` micro-batches.
  PipelineSchedule schedule(int microBatches) {
    return parallel.kind().schedule(groups.mesh().pipeline(), microBatches);
  }

  /// Rows of an activation.
  long microBatchRows() {
    return (long) config.batch().micro() * model.rowsPerSample();
  }

  /// A state that holds nothing yet.
  TrainingState emptyState() {
    return new TrainingState(updates.logical());
  }

  /// The part that the configuration asks for. All ranks call alike.
  ModelPart build() {
    return config.parallel().zero() > 0 && groups.mesh().data() > 1
        ? new SharedPart(this)
        : new ReplicatedPart(this);
  }
}
