package dev.bellows.benchmarks;

import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The GPT of models/ under backpropagation on one backend: one group of one or more micro-batches a step, the gradients used in place.
final class BellowsGpt implements TrainingSide {
  /// A run of neighbouring parameters with the same decay, in elements of the flat buffers.
  private record DecayRun(long start, long end, boolean isDecayed) {}

  private final GptShape shape;
  private final int microBatch;
  private final EngineInputs files;
  private final Backend backend;
  private final ParameterStore store;
  private final Backpropagation backpropagation;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment tokens;
  private final Tensor firstMoment;
  private final Tensor secondMoment;
  private final List<DecayRun> runs;
  private long steps;
  private double lossSum;

  /// Takes `backend` over. `microBatch` divides the shape's batch.
  BellowsGpt(GptShape shape, EngineInputs files, Backend backend, int microBatch)
      throws IOException {
    if (microBatch < 1 || shape.batch() % microBatch != 0) {
      throw new IllegalArgumentException(
          "the micro-batch must divide the batch of "
              + shape.batch()
              + ", which "
              + microBatch
              + " does not");
    }
    this.shape = shape;
    this.files = files;
    this.backend = backend;
    this.microBatch = microBatch;
    Gpt gpt =
        new Gpt(
            new GptConfig(
                shape.layers(),
                shape.heads(),
                shape.width(),
                shape.context(),
                shape.vocabulary(),
                true));
    store = new ParameterStore(backend, gpt.parameters());
    backpropagation =
        new Backpropagation(backend, gpt, store, SavedTensors.keep(), WeightGradient.EXACT);
    tokens = files.tokens(arena);
    loadWeights();
    firstMoment = zeros(store.values().shape());
    secondMoment = zeros(store.values().shape());
    runs = decayRuns();
  }

  private void loadWeights() throws IOException {
    Map<String, GptShape.Weight> byName = new HashMap<>();
    shape.weights().forEach(weight -> byName.put(weight.name(), weight));
    try (Arena mapping = Arena.ofConfined()) {
      MemorySegment file = files.weights(mapping);
      for (Parameter parameter : store.parameters()) {
        GptShape.Weight weight = byName.remove(parameter.name());
        if (weight == null || weight.elements() != parameter.shape().elements()) {
          throw new IllegalArgumentException(
              "the weights file has no tensor " + parameter + "; it has " + byName.keySet());
        }
        backend.upload(file.asSlice(weight.offset() * 4, weight.elements() * 4), parameter.value());
      }
    }
    if (!byName.isEmpty()) {
      throw new IllegalArgumentException(
          "the model has no parameters for the tensors " + byName.keySet());
    }
  }

  private Tensor zeros(Shape dims) {
    Tensor tensor = backend.allocate(DType.F32, dims, Category.OPTIMIZER);
    backend.fill(tensor, 0);
    return tensor;
  }

  private List<DecayRun> decayRuns() {
    List<DecayRun> list = new ArrayList<>();
    List<Parameter> parameters = store.parameters();
    int first = 0;
    for (int i = 1; i <= parameters.size(); i++) {
      boolean decayed = parameters.get(first).isDecayed();
      if (i == parameters.size() || parameters.get(i).isDecayed() != decayed) {
        list.add(new DecayRun(store.offset(first), store.offset(i), decayed));
        first = i;
      }
    }
    return list;
  }

  @Override
  public double step() {
    backpropagation.estimate(
        new MappedBatch(steps),
        new GradientSink() {
          @Override
          public void endGroup(int group, double sum) {
            lossSum = sum;
          }

          @Override
          public void ready(List<Parameter> parameters) {
            store.combineUses();
          }
        });
    steps++;
    update();
    return lossSum / shape.tokens();
  }

  private void update() {
    Tensor gradients = store.primaryGradients();
    for (DecayRun run : runs) {
      long length = run.end - run.start;
      double decay = run.isDecayed ? WEIGHT_DECAY : 0;
      backend.adamW(
          new AdamWStep(LEARNING_RATE, BETA1, BETA2, EPSILON, decay, 1, steps),
          store.values().slice(run.start, length),
          gradients.slice(run.start, length),
          firstMoment.slice(run.start, length),
          secondMoment.slice(run.start, length));
    }
  }

  /// The batch of one step, straight from the mapped file.
  private final class MappedBatch implements StepBatch {
    private final MemorySegment inputs;
    private final MemorySegment targets;

    private MappedBatch(long step) {
      inputs = files.inputs(tokens, step);
      targets = files.targets(tokens, step);
    }

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
      return shape.batch() / microBatch;
    }

    @Override
    public Batch microBatch(int group, int index) {
      long rows = (long) microBatch * shape.context();
      Tensor ids = upload(inputs, index, Shape.of(microBatch, shape.context()));
      return new Batch(ids, upload(targets, index, Shape.of(rows)), microBatch);
    }

    private Tensor upload(MemorySegment source, int index, Shape dims) {
      Tensor tensor = backend.allocate(DType.I32, dims, Category.WORKSPACE);
      backend.upload(source.asSlice(index * tensor.bytes(), tensor.bytes()), tensor);
      return tensor;
    }

    @Override
    public double lossScale() {
      return 1.0 / shape.tokens();
    }
  }

  @Override
  public double productRate() {
    return ProductRate.best(
        shape,
        (rows, inner, columns) -> {
          Tensor a = ones(rows, inner);
          Tensor b = ones(columns, inner);
          Tensor c = ones(rows, columns);
          return new ProductRate.Product() {
            @Override
            public void run() {
              backend.gemm(Gemm.NT, a, b, c);
            }

            @Override
            public void close() {
              a.close();
              b.close();
              c.close();
            }
          };
        });
  }

  private Tensor ones(long... dims) {
    Tensor tensor = backend.allocate(DType.F32, Shape.of(dims), Category.WORKSPACE);
    backend.fill(tensor, 1);
    return tensor;
  }

  @Override
  public String description() {
    return backend.description();
  }

  @Override
  public void close() {
    firstMoment.release();
    secondMoment.release();
    store.close();
    arena.close();
    backend.close();
  }
}
