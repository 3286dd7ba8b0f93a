package dev.bellows.benchmarks;

import java.util.List;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.OptimizerParamGroup;

/// `torch::optim::AdamW`, libtorch's C++ optimizer, with a group that decays and one that does not: a dozen passes over memory.
final class LibtorchAdamW implements LibtorchOptimizer {
  private final AdamW adamW;

  private LibtorchAdamW(AdamW adamW) {
    this.adamW = adamW;
  }

  static LibtorchAdamW of(Update.AdamW update, List<Entry> weights) {
    AdamW adamW =
        new AdamW(LibtorchOptimizer.tensors(weights, true), options(update, update.weightDecay()));
    adamW.add_param_group(
        new OptimizerParamGroup(LibtorchOptimizer.tensors(weights, false), options(update, 0)));
    return new LibtorchAdamW(adamW);
  }

  private static AdamWOptions options(Update.AdamW update, double weightDecay) {
    AdamWOptions options = new AdamWOptions(update.learningRate());
    // The pointer is into a std::tuple, whose members the C++ library lays out backwards: find them
    // by their defaults.
    int first = options.betas().get(0) == 0.9 ? 0 : 1;
    options.betas().put(first, update.beta1());
    options.betas().put(1 - first, update.beta2());
    options.eps().put(update.epsilon());
    options.weight_decay().put(weightDecay);
    return options;
  }

  @Override
  public void step() {
    adamW.step();
  }

  @Override
  public void clearGradients() {
    adamW.zero_grad(true);
  }
}
