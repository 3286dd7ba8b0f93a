package dev.bellows.benchmarks;

import java.util.List;
import org.bytedeco.pytorch.OptimizerParamGroup;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/// An [Update] over libtorch tensors.
interface LibtorchOptimizer {
  /// A weight and whether it decays.
  record Entry(Tensor tensor, boolean isDecayed) {}

  /// One update from the gradients of the weights.
  void step();

  /// Drops the gradients, so that the next backward pass writes instead of adding.
  void clearGradients();

  /// libtorch's optimizer for `update`, with the kernel that `options` choose.
  static LibtorchOptimizer of(Update update, List<Entry> weights, LibtorchOptions options) {
    return switch (update) {
      case Update.AdamW adamW when options.fusedAdamW() -> new LibtorchFusedAdamW(adamW, weights);
      case Update.AdamW adamW -> LibtorchAdamW.of(adamW, weights);
      case Update.Sgd sgd -> sgd(sgd, weights);
    };
  }

  /// The tensors that decay, or those that do not.
  static TensorVector tensors(List<Entry> weights, boolean decayed) {
    return new TensorVector(
        weights.stream()
            .filter(entry -> entry.isDecayed() == decayed)
            .map(Entry::tensor)
            .toArray(Tensor[]::new));
  }

  private static LibtorchOptimizer sgd(Update.Sgd update, List<Entry> weights) {
    SGD sgd = new SGD(tensors(weights, true), options(update, update.weightDecay()));
    sgd.add_param_group(new OptimizerParamGroup(tensors(weights, false), options(update, 0)));
    return new LibtorchOptimizer() {
      @Override
      public void step() {
        sgd.step();
      }

      @Override
      public void clearGradients() {
        sgd.zero_grad(true);
      }
    };
  }

  private static SGDOptions options(Update.Sgd update, double weightDecay) {
    SGDOptions options = new SGDOptions(update.learningRate());
    options.momentum().put(update.momentum());
    options.nesterov().put(update.nesterov());
    options.weight_decay().put(weightDecay);
    return options;
  }
}
