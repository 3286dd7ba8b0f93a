package dev.bellows.parallelism.pipeline;

import dev.bellows.models.LanguageModel;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.RecomputedSegments;
import dev.bellows.nn.Sharding;
import dev.bellows.nn.TensorGroup;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.Unit;
import dev.bellows.nn.WeightGradient;
import dev.bellows.optimizers.GradientClipping;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.GradientReducer;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.MeshAxis;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.plan.ScheduleKind;
import dev.bellows.parallelism.plan.Stages;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// One rank of a mesh with a pipeline axis and a data axis, put together as a trainer does.
final class StageTraining implements AutoCloseable {
  private final Backend backend;
  private final LanguageModel model;
  private final BatchTree tree;
  private final int dataRank;
  private final int stage;
  private final ModelCut cut;
  private final List<ParameterStore> stores = new ArrayList<>();
  private final List<GradientReducer> reducers = new ArrayList<>();
  private final List<Optimizer> optimizers = new ArrayList<>();
  private final PipelineBackpropagation estimator;
  private final TiedGradients tied;
  private final StageNorms norms;
  private final PipelineEvaluator evaluator;
  private final List<Parameter> ready = new ArrayList<>();

  /// `seed`: of first values and dropout; `plant`: changes units before they are used.
  StageTraining(
      Backend backend,
      LanguageModel model,
      Updates updates,
      int groups,
      Mesh mesh,
      ScheduleKind kind,
      Collectives world,
      long seed,
      UnaryOperator<Unit> plant) {
    this.backend = backend;
    this.model = model;
    Mesh.Coordinates at = mesh.coordinates(world.rank());
    stage = at.pipeline();
    dataRank = at.data();
    tree = new BatchTree(groups, mesh.data());
    Collectives pipeline = world.group(ranks(mesh, world.rank(), MeshAxis.PIPELINE));
    Collectives data = world.group(ranks(mesh, world.rank(), MeshAxis.DATA));
    int ownGroups = tree.endGroup(dataRank) - tree.firstGroup(dataRank);
    PipelineSchedule schedule = kind.schedule(mesh.pipeline(), ownGroups * TextStep.PER_GROUP);
    double[] equal = new double[model.units().size()];
    Arrays.fill(equal, 1);
    cut =
        Stages.balance(equal, equal, mesh.pipeline(), kind.chunks())
            .cut(model.units().stream().map(plant).toList());
    List<PipelineChunk> chunks = new ArrayList<>();
    for (int chunk : cut.chunksOf(stage)) {
      ParameterStore store =
          new ParameterStore(backend, cut.parameters(chunk), updates.precision());
      GradientReducer reducer =
          new GradientReducer(backend, store, tree, dataRank, data, Reduction.TREE);
      store.initialise(seed);
      stores.add(store);
      reducers.add(reducer);
      optimizers.add(updates.optimizer(backend, store));
      chunks.add(new PipelineChunk(cut.units(chunk), store, reducer::endGroup));
    }
    Activations activations = new Activations(cut, DType.F32, model.context());
    estimator =
        new PipelineBackpropagation(
            backend,
            new PipelineStage(schedule, stage, chunks),
            new TensorLink(backend, pipeline, activations),
            recording(mesh, seed, activations));
    tied = new TiedGradients(backend, cut, stage, pipeline);
    norms = new StageNorms(cut, stage, pipeline);
    evaluator =
        new PipelineEvaluator(
            backend,
            cut,
            stage,
            pipeline,
            DType.F32,
            model.rowsPerSample(),
            TensorGroup.single(),
            Sharding.WHOLE);
  }

  /// Meshes of two data ranks recompute their segments, which changes no bit.
  private static ChunkRecording recording(Mesh mesh, long seed, Activations activations) {
    return mesh.data() == 2
        ? new ChunkRecording(
            RecomputedSegments::new, WeightGradient.EXACT, Loss.PLAIN, seed, activations)
        : ChunkRecording.plain(Loss.PLAIN, seed, activations);
  }

  private static int[] ranks(Mesh mesh, int rank, MeshAxis axis) {
    return mesh.group(rank, axis).stream().mapToInt(Integer::intValue).toArray();
  }

  int stage() {
    return stage;
  }

  /// How well the model does on a batch; known on the last stage.
  Optional<Evaluation> evaluate(Batch batch) {
    return evaluator.evaluate(batch);
  }

  PipelineBackpropagation estimator() {
    return estimator;
  }

  /// Computes the gradients of a step; the last stage stores the loss sums of its groups in `losses`. Returns how many micro-batches were loaded.
  int estimate(int step, double[] losses) {
    TextStep batch =
        new TextStep(
            backend,
            model,
            tree.groups(),
            step,
            tree.firstGroup(dataRank),
            tree.endGroup(dataRank));
    ready.clear();
    estimator.estimate(
        batch,
        new GradientSink() {
          @Override
          public void endGroup(int group, double lossSum) {
            losses[group] = lossSum;
          }

          @Override
          public void ready(List<Parameter> parameters) {
            ready.addAll(parameters);
          }
        });
    return batch.loads();
  }

  /// What was said to be ready in the last step.
  List<Parameter> ready() {
    return List.copyOf(ready);
  }

  /// Reduces, clips and updates; returns the squared gradient norm.
  double update(int step) {
    reducers.forEach(GradientReducer::reduce);
    tied.combine();
    double norm = norms.exchange(parameter -> backend.squaredNorm(parameter.gradient()));
    double scale = GradientClipping.scale(norm, Updates.CLIP);
    optimizers.forEach(optimizer -> optimizer.step(step + 1, Updates.LEARNING_RATE, scale));
    return norm;
  }

  /// The values of what this stage holds, by name.
  Map<String, double[]> values() {
    Map<String, double[]> values = new LinkedHashMap<>();
    for (ParameterStore store : stores) {
      for (Parameter parameter : store.parameters()) {
        values.put(parameter.name(), TestTensors.values(backend, parameter.value()));
      }
    }
    return values;
  }

  @Override
  public void close() {
    optimizers.forEach(Optimizer::close);
    reducers.forEach(GradientReducer::close);
    stores.forEach(ParameterStore::close);
  }
}
