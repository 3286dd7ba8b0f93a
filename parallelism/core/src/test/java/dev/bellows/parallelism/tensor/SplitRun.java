package dev.bellows.parallelism.tensor;

import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.Unit;
import dev.bellows.nn.WeightGradient;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.parallelism.plan.Stages;
import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/// Trains a model on some tensor ranks, on threads with the in-process transport: AdamW, clipping by the global norm, and a bit of everything in the loss.
final class SplitRun {
  static final long SEED = 42;
  private static final int SAMPLES = 3;
  private static final Loss LOSS = new Loss(0.05, 1e-3);
  private static final double CLIP = 0.5;

  /// What a run ended with.
  ///
  /// @param losses mean loss of each step
  /// @param norms squared gradient norm of each step
  /// @param parameters whole parameters by name, put together from the ranks' shards
  /// @param evaluation after the last step
  record Outcome(
      List<Double> losses,
      List<Double> norms,
      Map<String, float[]> parameters,
      Evaluation evaluation) {}

  private final SplitModel split;
  private final int degree;
  private final boolean sequence;
  private final Precision precision;
  private final Supplier<Backend> backends;
  private final List<Outcome> outcomes = new ArrayList<>();
  private final Map<String, float[]> parameters = new LinkedHashMap<>();

  private SplitRun(
      SplitModel split,
      int degree,
      boolean sequence,
      Precision precision,
      Supplier<Backend> backends) {
    this.split = split;
    this.degree = degree;
    this.sequence = sequence;
    this.precision = precision;
    this.backends = backends;
  }

  /// Runs `steps` steps. Fails when ranks differ in a loss, a norm, an evaluation or a bit of what several of them hold.
  static Outcome train(
      SplitModel split,
      int degree,
      boolean sequence,
      int steps,
      Precision precision,
      Supplier<Backend> backends)
      throws Exception {
    SplitRun run = new SplitRun(split, degree, sequence, precision, backends);
    ranks().run(degree, transport -> run.rank(transport, steps));
    Outcome first = run.outcomes.getFirst();
    for (Outcome each : run.outcomes) {
      if (!each.equals(first)) {
        throw new AssertionError(
            "ranks differ: "
                + each.losses()
                + each.norms()
                + each.evaluation()
                + " and "
                + first.losses()
                + first.norms()
                + first.evaluation());
      }
    }
    return first;
  }

  /// Small chunks and few slots, so that back pressure is everyday life.
  static RankGroup ranks() {
    InProcessTransportProvider provider = new InProcessTransportProvider(4_096, 4);
    return new RankGroup(rank -> provider, rank -> "here", "auto", 8_192);
  }

  static Collectives collectives(Transport transport) {
    return new Collectives(
        transport,
        (peer, waited) -> {
          if (waited > TimeUnit.SECONDS.toNanos(30)) {
            throw new IllegalStateException("rank " + peer + " does not come");
          }
        });
  }

  static ShardingPlan plan(SplitModel split, List<Unit> units, int degree) {
    Stages stages = new Stages(1, List.of(0, split.traits().layers()));
    return new ShardingPlan(split.traits(), units, new Mesh(1, 1, 1, degree), stages);
  }

  private void rank(Transport transport, int steps) {
    CollectiveTensorGroup group = new CollectiveTensorGroup(collectives(transport), sequence);
    Model model = split.model().get();
    try (Backend backend = backends.get();
        ParameterStore store =
            new ParameterStore(
                backend,
                model.parameters(),
                precision,
                plan(split, model.units(), degree).sharding(group.rank()));
        SharedGradients shared = new SharedGradients(backend, store, group);
        Tensor first = zeros(backend, store);
        Tensor second = zeros(backend, store)) {
      store.initialise(SEED);
      Backpropagation estimator =
          new Backpropagation(
              backend, model, store, SavedTensors.keep(), WeightGradient.EXACT, LOSS, SEED, group);
      List<Double> losses = new ArrayList<>();
      List<Double> norms = new ArrayList<>();
      for (int step = 1; step <= steps; step++) {
        StepBatch batch = new RandomBatch(backend, split, step);
        estimator.estimate(batch, lossOnly(losses, batch.lossScale()));
        store.combineUses();
        shared.reduce();
        norms.add(squaredNorm(store, shared, group));
        double scale = Math.min(1, CLIP / (Math.sqrt(norms.getLast()) + 1e-6));
        // A large epsilon: the gradient of a key's bias is rounding noise only, and should stay
        // noise.
        AdamWStep rule = new AdamWStep(3e-3, 0.9, 0.99, 1e-5, 0.1, scale, step);
        backend.adamW(rule, store.values(), store.primaryGradients(), first, second);
      }
      Evaluation evaluation;
      try (Batch batch = new RandomBatch(backend, split, 0).microBatch(0, 0)) {
        evaluation = new Evaluator(backend, model, group).evaluate(batch);
      }
      synchronized (this) {
        collect(store);
        outcomes.add(new Outcome(losses, norms, parameters, evaluation));
      }
    }
  }

  private static Tensor zeros(Backend backend, ParameterStore store) {
    Tensor zeros = backend.allocate(DType.F32, store.values().shape(), Category.OPTIMIZER);
    backend.fill(zeros, 0);
    return zeros;
  }

  private static GradientSink lossOnly(List<Double> losses, double scale) {
    return new GradientSink() {
      @Override
      public void endGroup(int group, double lossSum) {
        losses.add(lossSum * scale);
      }

      @Override
      public void ready(List<Parameter> ready) {}
    };
  }

  static double squaredNorm(
      ParameterStore store, SharedGradients shared, CollectiveTensorGroup group) {
    double mine = 0;
    for (int i = 0; i < store.parameters().size(); i++) {
      mine += shared.squaredNorm(i);
    }
    double sum = 0;
    for (double[] each : group.gather(new double[] {mine})) {
      sum += each[0];
    }
    return sum;
  }

  /// Puts this rank's shards in their places; where another rank's lie already they must have the same bits.
  private void collect(ParameterStore store) {
    for (Parameter parameter : store.parameters()) {
      float[] local = floats(parameter.value());
      float[] whole =
          parameters.computeIfAbsent(
              parameter.name(),
              name -> {
                float[] none = new float[(int) parameter.shape().elements()];
                Arrays.fill(none, Float.NaN);
                return none;
              });
      parameter
          .shard()
          .forEachRun(
              (from, to, extent) -> {
                for (int i = 0; i < extent; i++) {
                  float value = local[(int) from + i];
                  float known = whole[(int) to + i];
                  if (!Float.isNaN(known)
                      && Float.floatToIntBits(known) != Float.floatToIntBits(value)) {
                    throw new AssertionError(
                        parameter + " is " + known + " on one rank and " + value + " on another");
                  }
                  whole[(int) to + i] = value;
                }
              });
    }
  }

  static float[] floats(Tensor x) {
    return x.segment().toArray(ValueLayout.JAVA_FLOAT);
  }

  /// One group of two micro-batches of random samples, a function of the step.
  record RandomBatch(Backend backend, SplitModel split, int step) implements StepBatch {
    @Override
    public int firstGroup() {
      return 0;
    }

    @Override
    public int endGroup() {
      return 1;
    }

    @Override
    public int microBatchesPerGroup() {
      return 2;
    }

    private int rowsPerSample() {
      return Math.max(1, split.time());
    }

    @Override
    public double lossScale() {
      return 1.0 / (2 * SAMPLES * rowsPerSample());
    }

    @Override
    public Batch microBatch(int group, int index) {
      Philox random = Philox.of(SEED, Philox.Purpose.TEST).derive(2L * step + index);
      int rows = SAMPLES * rowsPerSample();
      int[] targets = new int[rows];
      Arrays.setAll(targets, i -> (int) random.below(i, split.classes()));
      targets[1] = -1;
      return new Batch(
          split.inputs() > 0 ? features(random.derive(7)) : ids(random.derive(7), rows),
          tensor(DType.I32, MemorySegment.ofArray(targets), rows),
          SAMPLES,
          2L * step * SAMPLES + (long) index * SAMPLES);
    }

    private Tensor features(Philox random) {
      float[] values = new float[SAMPLES * split.inputs()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.normal(i);
      }
      return tensor(DType.F32, MemorySegment.ofArray(values), SAMPLES, split.inputs());
    }

    private Tensor ids(Philox random, int rows) {
      int[] ids = new int[rows];
      Arrays.setAll(ids, i -> (int) random.below(i, split.classes()));
      return tensor(DType.I32, MemorySegment.ofArray(ids), SAMPLES, split.time());
    }

    private Tensor tensor(DType dtype, MemorySegment values, long... dims) {
      Tensor tensor = backend.allocate(dtype, Shape.of(dims), Category.ACTIVATION);
      backend.upload(values, tensor);
      return tensor;
    }
  }
}
