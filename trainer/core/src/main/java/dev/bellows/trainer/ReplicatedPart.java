package dev.bellows.trainer;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.StateTensor;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.GradientReducer;
import dev.bellows.parallelism.pipeline.Activations;
import dev.bellows.parallelism.pipeline.ChunkRecording;
import dev.bellows.parallelism.pipeline.PipelineBackpropagation;
import dev.bellows.parallelism.pipeline.PipelineChunk;
import dev.bellows.parallelism.pipeline.PipelineEvaluator;
import dev.bellows.parallelism.pipeline.PipelineSchedule;
import dev.bellows.parallelism.pipeline.PipelineStage;
import dev.bellows.parallelism.pipeline.StageNorms;
import dev.bellows.parallelism.pipeline.TensorLink;
import dev.bellows.parallelism.pipeline.TiedGradients;
import dev.bellows.parallelism.tensor.SharedGradients;
import dev.bellows.tensor.DType;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/// A part that all ranks of the data axis hold alike (no ZeRO): the whole model, or the chunks of a pipeline stage, each whole or split over the tensor
/// axis.
final class ReplicatedPart implements ModelPart {
  /// What is trained together: a chunk's gradient sums may end before another's.
  private record Chunk(
      ParameterStore store, GradientReducer reducer, SharedGradients shared, Optimizer optimizer) {}

  private final PartPlan plan;
  private final RankGroups groups;
  private final BatchTree tree;
  private final Resources owned = new Resources();
  private final List<Chunk> chunks = new ArrayList<>();
  private final TiedGradients tied;
  private final StageNorms norms;
  private final TrainingState state;

  /// Allocates this rank's part of `plan`. All ranks call alike.
  ReplicatedPart(PartPlan plan) {
    this.plan = plan;
    this.groups = plan.groups();
    this.tree = new BatchTree(plan.config().batch().groups(), groups.mesh().data());
    int stage = groups.at().pipeline();
    boolean built = false;
    try {
      for (int chunk : plan.cut().chunksOf(stage)) {
        addChunk(plan.cut().parameters(chunk));
      }
      tied = new TiedGradients(plan.backend(), plan.cut(), stage, groups.pipeline());
      norms = new StageNorms(plan.cut(), stage, groups.pipeline());
      state = plan.emptyState();
      chunks.forEach(this::hold);
      built = true;
    } finally {
      if (!built) {
        close();
      }
    }
  }

  private void addChunk(List<Parameter> parameters) {
    ParameterStore store =
        owned.own(
            new ParameterStore(plan.backend(), parameters, plan.precision(), plan.sharding()));
    Optimizer optimizer = owned.own(Recipe.optimizer(plan.updates(), plan.backend(), store));
    GradientReducer reducer =
        owned.own(
            new GradientReducer(
                plan.backend(),
                store,
                tree,
                groups.at().data(),
                groups.data(),
                Recipe.reduction(plan.config())));
    SharedGradients shared =
        owned.own(new SharedGradients(plan.backend(), store, plan.tensorGroup()));
    chunks.add(new Chunk(store, reducer, shared, optimizer));
  }

  private void hold(Chunk chunk) {
    List<Parameter> parameters = chunk.store().parameters();
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      boolean home = plan.cut().stageOf(parameter) == groups.at().pipeline();
      state.hold(parameter.name(), parameter.shard(), 0, parameter.value(), home);
      for (StateTensor tensor : chunk.optimizer().state(i)) {
        String name = TrainingState.stateName(tensor.name(), parameter);
        if (tensor.tensor().shape().equals(parameter.localShape())) {
          state.hold(name, parameter.shard(), 0, tensor.tensor(), home);
        } else {
          state.holdWhole(name, tensor.tensor(), home);
        }
      }
    }
  }

  @Override
  public void initialise(long seed) {
    chunks.forEach(chunk -> chunk.store().initialise(seed));
  }

  @Override
  public TrainingState state() {
    return state;
  }

  @Override
  public void restored() {}

  @Override
  public List<Integer> groups() {
    int rank = groups.at().data();
    return IntStream.range(tree.firstGroup(rank), tree.endGroup(rank)).boxed().toList();
  }

  @Override
  public GradientEstimator estimator() {
    return groups.mesh().pipeline() == 1 ? backpropagation() : pipeline();
  }

  private GradientEstimator backpropagation() {
    return new Backpropagation(
        plan.backend(),
        plan.model(),
        chunks.getFirst().store(),
        SavedTensors.keep(),
        WeightGradient.EXACT,
        plan.config().model().loss(),
        plan.config().seed(),
        plan.tensorGroup());
  }

  private GradientEstimator pipeline() {
    int stage = groups.at().pipeline();
    List<PipelineChunk> played = new ArrayList<>();
    List<Integer> numbers = plan.cut().chunksOf(stage);
    for (int i = 0; i < chunks.size(); i++) {
      Chunk chunk = chunks.get(i);
      played.add(
          new PipelineChunk(
              plan.cut().units(numbers.get(i)), chunk.store(), chunk.reducer()::endGroup));
    }
    int microBatches = groups().size() * plan.config().batch().microBatchesPerGroup();
    PipelineSchedule schedule = plan.schedule(microBatches);
    Activations activations =
        new Activations(
            plan.cut(), DType.F32, plan.microBatchRows(), plan.tensorGroup(), plan.sharding());
    return new PipelineBackpropagation(
        plan.backend(),
        new PipelineStage(schedule, stage, played),
        new TensorLink(plan.backend(), groups.pipeline(), activations),
        ChunkRecording.plain(plan.config().model().loss(), plan.config().seed(), activations));
  }

  @Override
  public int parameterCount() {
    return chunks.stream().mapToInt(chunk -> chunk.store().parameters().size()).sum();
  }

  /// A pipeline's chunks tell their reducers by themselves.
  @Override
  public void endGroup(int group) {
    if (groups.mesh().pipeline() == 1) {
      chunks.getFirst().reducer().endGroup(group);
    }
  }

  @Override
  public void reduce() {
    chunks.forEach(chunk -> chunk.reducer().reduce());
    tied.combine();
    chunks.forEach(chunk -> chunk.shared().reduce());
  }

  @Override
  public double squaredNorm() {
    Map<Parameter, Double> own = new IdentityHashMap<>();
    for (Chunk chunk : chunks) {
      List<Parameter> parameters = chunk.store().parameters();
      for (int i = 0; i < parameters.size(); i++) {
        boolean frozen = chunk.optimizer().treatment(i).frozen();
        own.put(parameters.get(i), frozen ? 0 : chunk.shared().squaredNorm(i));
      }
    }
    double[] mine = norms.own(own::get);
    return norms.sum(groups.pipeline().allGather(overTensorRanks(mine)));
  }

  /// Sums the tensor ranks' shares of each norm, in rank order.
  private double[] overTensorRanks(double[] mine) {
    if (groups.mesh().tensor() == 1) {
      return mine;
    }
    double[] sums = new double[mine.length];
    for (double[] rank : groups.tensor().allGather(mine)) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] += rank[i];
      }
    }
    return sums;
  }

  @Override
  public void update(long step, double learningRate, double gradientScale) {
    chunks.forEach(chunk -> chunk.optimizer().step(step, learningRate, gradientScale));
  }

  @Override
  public Optional<Evaluation> evaluate(Batch batch) {
    if (groups.mesh().pipeline() == 1) {
      return Optional.of(
          new Evaluator(plan.backend(), plan.model(), plan.tensorGroup()).evaluate(batch));
    }
    return new PipelineEvaluator(
            plan.backend(),
            plan.cut(),
            groups.at().pipeline(),
            groups.pipeline(),
            DType.F32,
            plan.model().rowsPerSample(),
            plan.tensorGroup(),
            plan.sharding())
        .evaluate(batch);
  }

  @Override
  public void playEvaluation() {}

  @Override
  public void close() {
    owned.close();
  }
}
