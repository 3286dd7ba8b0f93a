package dev.bellows.benchmarks;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// The GPT in libtorch's own operations, through bytedeco's Java bindings.
///
/// Shapes in comments: B batch, T context, C width, H heads, D = C / H, V vocabulary.
final class LibtorchGpt implements TrainingSide {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GptShape shape;
  private final boolean fusedAttention;
  private final Map<String, Tensor> weights = new LinkedHashMap<>();
  private final List<Tensor> inputs = new ArrayList<>();
  private final List<Tensor> targets = new ArrayList<>();
  private final Tensor positions;
  private final Tensor hidden;
  private final LibtorchAdamW optimizer;
  private final int threads;
  private long steps;

  LibtorchGpt(GptShape shape, EngineInputs files, int threads, LibtorchOptions options)
      throws IOException {
    this.shape = shape;
    this.threads = threads;
    this.fusedAttention = options.fusedAttention();
    torch.set_num_threads(threads);
    List<LibtorchAdamW.Entry> entries = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = files.weights(arena);
      for (GptShape.Weight weight : shape.weights()) {
        float[] values = file.asSlice(weight.offset() * 4, weight.elements() * 4).toArray(F32);
        Tensor tensor = Tensor.create(values, weight.dims()).set_requires_grad(true);
        weights.put(weight.name(), tensor);
        entries.add(new LibtorchAdamW.Entry(tensor, weight.isDecayed()));
      }
      MemorySegment tokens = files.tokens(arena);
      for (int batch = 0; batch < EngineInputs.BATCHES; batch++) {
        inputs.add(ids(files.inputs(tokens, batch), shape.batch(), shape.context()));
        targets.add(ids(files.targets(tokens, batch), shape.tokens()));
      }
    }
    positions = torch.arange(new Scalar(shape.context())).toType(torch.ScalarType.Long);
    hidden = upperTriangle(shape.context());
    optimizer = options.fusedAdamW() ? LibtorchAdamW.fused(entries) : LibtorchAdamW.plain(entries);
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

  /// True where position t must not look: later keys.
  private static Tensor upperTriangle(int context) {
    boolean[] mask = new boolean[context * context];
    for (int t = 0; t < context; t++) {
      for (int key = t + 1; key < context; key++) {
        mask[t * context + key] = true;
      }
    }
    return Tensor.create(mask, context, context);
  }

  @Override
  public double step() {
    try (PointerScope scope = new PointerScope()) {
      int batch = (int) (steps % EngineInputs.BATCHES);
      optimizer.clearGradients();
      Tensor logits = logits(inputs.get(batch));
      Tensor loss = torch.cross_entropy_loss(logits, targets.get(batch));
      loss.backward();
      optimizer.step();
      steps++;
      return loss.item_float();
    }
  }

  /// [B, T] ids to [B·T, V] logits.
  private Tensor logits(Tensor ids) {
    Tensor token = torch.embedding(weights.get("wte.weight"), ids);
    Tensor x = token.add(torch.embedding(weights.get("wpe.weight"), positions));
    for (int layer = 0; layer < shape.layers(); layer++) {
      String block = "h." + layer + ".";
      Tensor mixed =
          linear(
              attention(linear(norm(x, block + "ln_1"), block + "attn.c_attn")),
              block + "attn.c_proj");
      x = x.add(mixed);
      Tensor wide = torch.gelu(linear(norm(x, block + "ln_2"), block + "mlp.c_fc"), "tanh");
      x = x.add(linear(wide, block + "mlp.c_proj"));
    }
    return torch
        .linear(norm(x, "ln_f"), weights.get("wte.weight"))
        .view(shape.tokens(), shape.vocabulary());
  }

  private Tensor linear(Tensor x, String name) {
    return torch.linear(
        x, weights.get(name + ".weight"), new TensorOptional(weights.get(name + ".bias")));
  }

  private Tensor norm(Tensor x, String name) {
    TensorOptional gamma = new TensorOptional(weights.get(name + ".weight"));
    TensorOptional beta = new TensorOptional(weights.get(name + ".bias"));
    return torch.layer_norm(x, new long[] {shape.width()}, gamma, beta, NORM_EPSILON, false);
  }

  /// [B, T, 3C] queries, keys and values to [B, T, C].
  private Tensor attention(Tensor qkv) {
    TensorVector parts = qkv.split(shape.width(), 2);
    Tensor query = headsFirst(parts.get(0));
    Tensor key = headsFirst(parts.get(1));
    Tensor value = headsFirst(parts.get(2));
    Tensor mixed = fusedAttention ? fused(query, key, value) : composed(query, key, value);
    return mixed.transpose(1, 2).reshape(shape.batch(), shape.context(), shape.width());
  }

  /// [B, T, C] to [B, H, T, D], a view.
  private Tensor headsFirst(Tensor x) {
    return x.view(shape.batch(), shape.context(), shape.heads(), shape.width() / shape.heads())
        .transpose(1, 2);
  }

  private static Tensor fused(Tensor query, Tensor key, Tensor value) {
    return torch.scaled_dot_product_attention(
        query, key, value, new TensorOptional(), 0.0, true, new DoubleOptional(), false);
  }

  private Tensor composed(Tensor query, Tensor key, Tensor value) {
    double scale = 1 / Math.sqrt((double) shape.width() / shape.heads());
    Tensor scores = query.mul(new Scalar((float) scale)).matmul(key.transpose(2, 3));
    return scores.masked_fill(hidden, new Scalar(Float.NEGATIVE_INFINITY)).softmax(3).matmul(value);
  }

  @Override
  public double productRate() {
    try (NoGradGuard guard = new NoGradGuard()) {
      return ProductRate.best(
          shape,
          (rows, inner, columns) -> {
            Tensor a = torch.ones(rows, inner);
            Tensor b = torch.ones(columns, inner).t();
            Tensor c = torch.ones(rows, columns);
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
