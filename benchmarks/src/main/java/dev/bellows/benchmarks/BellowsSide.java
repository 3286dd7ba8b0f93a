package dev.bellows.benchmarks;

import dev.bellows.models.Cnn;
import dev.bellows.models.CnnConfig;
import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.models.Mlp;
import dev.bellows.models.MlpConfig;
import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A model of models/ under backpropagation on one backend: one group of one or more micro-batches a step, the gradients used in place.
final class BellowsSide implements TrainingSide {
  private final ModelShape shape;
  private final int microBatch;
  private final EngineInputs files;
  private final Backend backend;
  private final Model model;
  private final Precision precision;
  private final ParameterStore store;
  private final Backpropagation backpropagation;
  private final FlatUpdate update;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment batches;
  private long steps;
  private double lossSum;

  /// Takes `backend` over. `microBatch` divides the shape's batch.
  BellowsSide(
      ModelShape shape,
      EngineInputs files,
      Backend backend,
      int microBatch,
      SidePrecision precision,
      Update update)
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
    model = model(shape);
    checkPrecision(backend, precision);
    this.precision = operands(precision);
    store = new ParameterStore(backend, model.parameters(), this.precision);
    backpropagation =
        new Backpropagation(backend, model, store, SavedTensors.keep(), WeightGradient.EXACT);
    batches = files.batches(arena);
    loadWeights();
    this.update = new FlatUpdate(backend, store, update);
  }

  /// Our model of a shape.
  private static Model model(ModelShape shape) {
    return switch (shape) {
      case CnnShape cnn ->
          new Cnn(
              new CnnConfig(
                  1,
                  cnn.side(),
                  cnn.side(),
                  cnn.firstChannels(),
                  cnn.secondChannels(),
                  cnn.kernel(),
                  cnn.classes()));
      case GptShape gpt ->
          new Gpt(
              new GptConfig(
                  gpt.layers(), gpt.heads(), gpt.width(), gpt.context(), gpt.vocabulary(), true));
      case LlamaShape llama ->
          new Llama(
              new LlamaConfig(
                  llama.layers(),
                  llama.heads(),
                  llama.keyValueHeads(),
                  llama.width(),
                  llama.intermediate(),
                  llama.context(),
                  llama.vocabulary(),
                  LlamaShape.THETA,
                  false));
      case MlpShape mlp ->
          new Mlp(
              new MlpConfig(
                  mlp.inputs(), Collections.nCopies(mlp.hidden(), mlp.width()), mlp.classes()));
    };
  }

  /// Errors: [IllegalArgumentException] when `backend` has no products of `precision`: a side that quietly trained in F32 would be no bf16 side.
  static void checkPrecision(Backend backend, SidePrecision precision) {
    if (!backend.productTypes().contains(operands(precision).operands())) {
      throw new IllegalArgumentException(
          backend.description()
              + " multiplies no "
              + operands(precision).operands()
              + " on this machine; use --precision fp32");
    }
  }

  private static Precision operands(SidePrecision precision) {
    return switch (precision) {
      case FP32 -> Precision.F32;
      case BF16 -> Precision.BF16;
    };
  }

  private void loadWeights() throws IOException {
    Map<String, Weight> byName = new HashMap<>();
    shape.weights().forEach(weight -> byName.put(weight.name(), weight));
    try (Arena mapping = Arena.ofConfined()) {
      MemorySegment file = files.weights(mapping);
      for (Parameter parameter : store.parameters()) {
        Weight weight = byName.remove(parameter.name());
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
    update.step();
    return lossSum / shape.rows();
  }

  @Override
  public float[] logits() {
    StepBatch batch = new MappedBatch(steps);
    float[] all = new float[Math.toIntExact(shape.rows() * shape.classes())];
    int filled = 0;
    for (int index = 0; index < batch.microBatchesPerGroup(); index++) {
      try (Batch micro = batch.microBatch(0, index);
          Tape tape = Tape.evaluating(backend)) {
        Variable logits = model.logits(tape, micro);
        float[] part = floats(logits.value());
        System.arraycopy(part, 0, all, filled, part.length);
        filled += part.length;
      }
    }
    return all;
  }

  @Override
  public float[] gradient(Weight weight) {
    return floats(parameter(weight).gradient());
  }

  @Override
  public float[] value(Weight weight) {
    return floats(parameter(weight).value());
  }

  private Parameter parameter(Weight weight) {
    return store.parameters().stream()
        .filter(parameter -> parameter.name().equals(weight.name()))
        .findFirst()
        .orElseThrow();
  }

  private float[] floats(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.elements())];
    try (Arena copy = Arena.ofConfined()) {
      MemorySegment host = copy.allocate(tensor.bytes(), Float.BYTES);
      backend.download(tensor, host);
      MemorySegment.copy(host, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
    }
    return values;
  }

  /// The batch of one step, straight from the mapped file.
  private final class MappedBatch implements StepBatch {
    private final MemorySegment inputs;
    private final MemorySegment targets;

    private MappedBatch(long step) {
      inputs = files.inputs(batches, step);
      targets = files.targets(batches, step);
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
      DType dtype = shape.takesIds() ? DType.I32 : DType.F32;
      Shape dims = Shape.of(microBatch, shape.inputsPerSample());
      Shape rows = Shape.of((long) microBatch * shape.rowsPerSample());
      Tensor samples = upload(inputs, index, dtype, dims);
      return new Batch(samples, upload(targets, index, DType.I32, rows), microBatch);
    }

    private Tensor upload(MemorySegment source, int index, DType dtype, Shape dims) {
      Tensor tensor = backend.allocate(dtype, dims, Category.WORKSPACE);
      backend.upload(source.asSlice(index * tensor.bytes(), tensor.bytes()), tensor);
      return tensor;
    }

    @Override
    public double lossScale() {
      return 1.0 / shape.rows();
    }
  }

  @Override
  public double productRate(long loopNanos) {
    return ProductRate.best(
        shape.products(),
        loopNanos,
        (rows, inner, columns) -> {
          Tensor a = ones(precision.operands(), rows, inner);
          Tensor b = ones(precision.operands(), columns, inner);
          Tensor c = ones(DType.F32, rows, columns);
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

  private Tensor ones(DType dtype, long... dims) {
    Tensor tensor = backend.allocate(dtype, Shape.of(dims), Category.WORKSPACE);
    backend.fill(tensor, 1);
    return tensor;
  }

  @Override
  public long nativeAllocations() {
    return backend.memory().deviceAllocations();
  }

  @Override
  public String description() {
    return backend.description();
  }

  @Override
  public void close() {
    update.close();
    store.close();
    arena.close();
    backend.close();
  }
}
