package dev.bellows.benchmarks;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/// A model in libtorch's own operations, through bytedeco's Java bindings.
final class LibtorchSide implements TrainingSide {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ModelShape shape;
  private final LibtorchOptions options;
  private final int threads;
  private final Map<String, Tensor> weights = new LinkedHashMap<>();
  private final List<Tensor> inputs = new ArrayList<>();
  private final List<Tensor> targets = new ArrayList<>();
  private final LibtorchModel model;
  private final LibtorchOptimizer optimizer;
  private long steps;

  LibtorchSide(
      ModelShape shape, EngineInputs files, int threads, LibtorchOptions options, Update update)
      throws IOException {
    this.shape = shape;
    this.threads = threads;
    this.options = options;
    torch.set_num_threads(threads);
    List<LibtorchOptimizer.Entry> entries = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = files.weights(arena);
      for (Weight weight : shape.weights()) {
        MemorySegment bytes = file.asSlice(weight.offset() * 4, weight.elements() * 4);
        Tensor tensor = floats(bytes, weight.dims()).set_requires_grad(true);
        weights.put(weight.name(), tensor);
        entries.add(new LibtorchOptimizer.Entry(tensor, weight.isDecayed()));
      }
      MemorySegment batches = files.batches(arena);
      for (int batch = 0; batch < EngineInputs.BATCHES; batch++) {
        MemorySegment samples = files.inputs(batches, batch);
        long[] dims = {shape.batch(), shape.inputsPerSample()};
        inputs.add(shape.takesIds() ? ids(samples, dims) : floats(samples, dims));
        targets.add(ids(files.targets(batches, batch), shape.rows()));
      }
    }
    model = LibtorchModel.of(shape, weights, options);
    optimizer = LibtorchOptimizer.of(update, entries, options);
  }

  /// Straight from the file into libtorch's memory: a copy on the Java heap would count as libtorch's.
  private static Tensor floats(MemorySegment file, long... dims) {
    Tensor tensor = torch.empty(dims, new TensorOptions(torch.ScalarType.Float), null);
    FloatBuffer target = tensor.createBuffer();
    ByteBuffer bytes = file.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    target.put(bytes.asFloatBuffer());
    return tensor;
  }

  /// libtorch's embedding and cross-entropy want I64 ids.
  private static Tensor ids(MemorySegment file, long... dims) {
    int[] narrow = file.toArray(I32);
    long[] wide = new long[narrow.length];
    for (int i = 0; i < narrow.length; i++) {
      wide[i] = narrow[i];
    }
    return Tensor.create(wide, dims);
  }

  @Override
  public double step() {
    try (PointerScope scope = new PointerScope()) {
      int batch = batch();
      optimizer.clearGradients();
      Tensor loss = loss(batch);
      loss.backward();
      optimizer.step();
      steps++;
      return loss.item_float();
    }
  }

  private int batch() {
    return (int) (steps % EngineInputs.BATCHES);
  }

  private Tensor loss(int batch) {
    if (!options.autocast()) {
      return torch.cross_entropy_loss(rows(batch), targets.get(batch));
    }
    // What Python's `with torch.autocast("cpu", torch.bfloat16)` does around the forward pass:
    // weights are cast once, and the casts are
    // dropped at the end.
    torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
    torch.set_autocast_cache_enabled(true);
    torch.set_autocast_enabled(torch.DeviceType.CPU, true);
    torch.increment_nesting();
    try {
      return torch.cross_entropy_loss(rows(batch), targets.get(batch));
    } finally {
      torch.decrement_nesting();
      torch.clear_cache();
      torch.set_autocast_enabled(torch.DeviceType.CPU, false);
    }
  }

  /// Logits [rows, classes].
  private Tensor rows(int batch) {
    return model.logits(inputs.get(batch));
  }

  @Override
  public float[] logits() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard guard = new NoGradGuard()) {
      return array(rows(batch()));
    }
  }

  @Override
  public float[] gradient(Weight weight) {
    try (PointerScope scope = new PointerScope()) {
      return array(weights.get(weight.name()).grad());
    }
  }

  @Override
  public float[] value(Weight weight) {
    try (PointerScope scope = new PointerScope()) {
      return array(weights.get(weight.name()).detach());
    }
  }

  private static float[] array(Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.numel())];
    FloatBuffer source = tensor.contiguous().createBuffer();
    source.get(values);
    return values;
  }

  @Override
  public double productRate(long loopNanos) {
    try (NoGradGuard guard = new NoGradGuard()) {
      return ProductRate.best(
          shape.products(),
          loopNanos,
          (rows, inner, columns) -> {
            torch.ScalarType type =
                options.autocast() ? torch.ScalarType.BFloat16 : torch.ScalarType.Float;
            Tensor a = torch.ones(rows, inner).toType(type);
            Tensor b = torch.ones(columns, inner).toType(type).t();
            Tensor c = torch.ones(rows, columns).toType(type);
            return new ProductRate.Product() {
              @Override
              public void run() {
                torch.mm_out(c, a, b);
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
  }

  @Override
  public long nativeAllocations() {
    return 0;
  }

  @Override
  public String description() {
    String[] lines = torch.show_config().getString().split("\n");
    StringBuilder text = new StringBuilder("libtorch, ").append(threads).append(" threads");
    for (String line : lines) {
      if (line.contains("capability") || line.contains("OpenMP") || line.contains("MKL-DNN")) {
        text.append(", ").append(line.replace('-', ' ').strip());
      }
    }
    return text.toString();
  }

  @Override
  public void close() {
    weights.values().forEach(Tensor::close);
    inputs.forEach(Tensor::close);
    targets.forEach(Tensor::close);
  }
}
