package dev.bellows.benchmarks;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/// The CNN in libtorch's operations.
///
/// @param shape sizes
/// @param weights by name
record LibtorchCnn(CnnShape shape, Map<String, Tensor> weights) implements LibtorchModel {
  /// [batch, side · side] pixels to [batch, classes] logits.
  @Override
  public Tensor logits(Tensor pixels) {
    Tensor images = pixels.view(shape.batch(), 1, shape.side(), shape.side());
    Tensor x = stage(stage(images, "conv1"), "conv2");
    return LibtorchModel.linear(weights, x.view(shape.batch(), shape.features()), "fc");
  }

  private Tensor stage(Tensor x, String name) {
    long padding = shape.kernel() / 2;
    Tensor y =
        torch.conv2d(
            x,
            weights.get(name + ".weight"),
            new TensorOptional(weights.get(name + ".bias")),
            new long[] {1, 1},
            new long[] {padding, padding},
            new long[] {1, 1},
            1);
    return torch.max_pool2d(torch.relu(y), 2, 2);
  }
}
