package dev.bellows.benchmarks;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/// The forward pass of a model in libtorch's operations.
@FunctionalInterface
interface LibtorchModel {
  /// Logits [rows, classes] of one batch: I64 ids or F32 features [batch, inputs of a sample].
  Tensor logits(Tensor inputs);

  /// The model of `shape` over `weights`, which stay the caller's.
  static LibtorchModel of(ModelShape shape, Map<String, Tensor> weights, LibtorchOptions options) {
    return switch (shape) {
      case CnnShape cnn -> new LibtorchCnn(cnn, weights);
      case GptShape gpt -> new LibtorchGpt(gpt, weights, options.fusedAttention());
      case LlamaShape llama -> new LibtorchLlama(llama, weights);
      case MlpShape mlp -> features -> mlp(mlp, weights, features);
    };
  }

  private static Tensor mlp(MlpShape shape, Map<String, Tensor> weights, Tensor features) {
    Tensor x = features;
    for (int layer = 0; layer < shape.hidden(); layer++) {
      x = torch.relu(linear(weights, x, "layers." + layer));
    }
    return linear(weights, x, "layers." + shape.hidden());
  }

  /// `x · name.weightᵀ + name.bias`.
  static Tensor linear(Map<String, Tensor> weights, Tensor x, String name) {
    return torch.linear(
        x, weights.get(name + ".weight"), new TensorOptional(weights.get(name + ".bias")));
  }
}
