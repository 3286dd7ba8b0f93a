package dev.bellows.benchmarks;

import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// The Llama style model in libtorch's operations.
///
/// Shapes in comments: B batch, T context, C width, H heads, K key and value heads, D = C / H, V vocabulary.
final class LibtorchLlama implements LibtorchModel {
  private final LlamaShape shape;
  private final Map<String, Tensor> weights;
  private final Tensor cosines;
  private final Tensor sines;

  LibtorchLlama(LlamaShape shape, Map<String, Tensor> weights) {
    this.shape = shape;
    this.weights = weights;
    int half = shape.headWidth() / 2;
    float[] cosine = new float[shape.context() * half];
    float[] sine = new float[cosine.length];
    for (int t = 0; t < shape.context(); t++) {
      for (int i = 0; i < half; i++) {
        double angle = t * Math.pow(LlamaShape.THETA, -2.0 * i / shape.headWidth());
        cosine[t * half + i] = (float) Math.cos(angle);
        sine[t * half + i] = (float) Math.sin(angle);
      }
    }
    cosines = Tensor.create(cosine, shape.context(), half);
    sines = Tensor.create(sine, shape.context(), half);
  }

  /// [B, T] ids to [B·T, V] logits.
  @Override
  public Tensor logits(Tensor ids) {
    Tensor x = torch.embedding(weight("model.embed_tokens"), ids);
    for (int layer = 0; layer < shape.layers(); layer++) {
      String block = "model.layers." + layer + ".";
      Tensor packed = linear(norm(x, block + "input_layernorm"), block + "self_attn.qkv_proj");
      x = x.add(linear(attention(packed), block + "self_attn.o_proj"));
      Tensor hidden =
          linear(norm(x, block + "post_attention_layernorm"), block + "mlp.gate_up_proj");
      TensorVector parts = hidden.split(shape.intermediate(), 2);
      Tensor gated = torch.silu(parts.get(0)).mul(parts.get(1));
      x = x.add(linear(gated, block + "mlp.down_proj"));
    }
    return linear(norm(x, "model.norm"), "lm_head").view(shape.rows(), shape.vocabulary());
  }

  private Tensor weight(String name) {
    return weights.get(name + ".weight");
  }

  private Tensor linear(Tensor x, String name) {
    return torch.linear(x, weight(name));
  }

  private Tensor norm(Tensor x, String name) {
    return torch.rms_norm(
        x,
        new long[] {shape.width()},
        new TensorOptional(weight(name)),
        new DoubleOptional(TrainingSide.NORM_EPSILON));
  }

  /// [B, T, (H + 2K)·D] queries, keys and values to [B, T, C].
  private Tensor attention(Tensor packed) {
    long queries = shape.width();
    long keys = (long) shape.keyValueHeads() * shape.headWidth();
    Tensor query = rotated(headsFirst(packed.narrow(2, 0, queries), shape.heads()));
    Tensor key = rotated(headsFirst(packed.narrow(2, queries, keys), shape.keyValueHeads()));
    Tensor value = headsFirst(packed.narrow(2, queries + keys, keys), shape.keyValueHeads());
    boolean grouped = shape.heads() != shape.keyValueHeads();
    Tensor mixed =
        torch.scaled_dot_product_attention(
            query, key, value, new TensorOptional(), 0.0, true, new DoubleOptional(), grouped);
    return mixed.transpose(1, 2).reshape(shape.batch(), shape.context(), shape.width());
  }

  /// [B, T, heads·D] to [B, heads, T, D], a view.
  private Tensor headsFirst(Tensor x, int heads) {
    return x.view(shape.batch(), shape.context(), heads, shape.headWidth()).transpose(1, 2);
  }

  /// Rotary embedding of [B, heads, T, D]: elements i and i + D / 2 are one pair.
  private Tensor rotated(Tensor x) {
    TensorVector halves = x.split(shape.headWidth() / 2, 3);
    Tensor a = halves.get(0);
    Tensor b = halves.get(1);
    Tensor first = a.mul(cosines).sub(b.mul(sines));
    Tensor second = b.mul(cosines).add(a.mul(sines));
    return torch.cat(new TensorVector(first, second), 3);
  }
}
