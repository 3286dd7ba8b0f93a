package dev.bellows.benchmarks;

import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// The GPT-2 style model in libtorch's operations.
///
/// Shapes in comments: B batch, T context, C width, H heads, D = C / H, V vocabulary.
final class LibtorchGpt implements LibtorchModel {
  private final GptShape shape;
  private final Map<String, Tensor> weights;
  private final boolean fusedAttention;
  private final Tensor positions;
  private final Tensor hidden;

  LibtorchGpt(GptShape shape, Map<String, Tensor> weights, boolean fusedAttention) {
    this.shape = shape;
    this.weights = weights;
    this.fusedAttention = fusedAttention;
    positions = torch.arange(new Scalar(shape.context())).toType(torch.ScalarType.Long);
    hidden = upperTriangle(shape.context());
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

  /// [B, T] ids to [B·T, V] logits.
  @Override
  public Tensor logits(Tensor ids) {
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
        .view(shape.rows(), shape.vocabulary());
  }

  private Tensor linear(Tensor x, String name) {
    return LibtorchModel.linear(weights, x, name);
  }

  private Tensor norm(Tensor x, String name) {
    TensorOptional gamma = new TensorOptional(weights.get(name + ".weight"));
    TensorOptional beta = new TensorOptional(weights.get(name + ".bias"));
    long[] dims = {shape.width()};
    return torch.layer_norm(x, dims, gamma, beta, TrainingSide.NORM_EPSILON, false);
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
}
