package dev.bellows.trainer;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.optimizers.AdamW;
import dev.bellows.optimizers.Constant;
import dev.bellows.optimizers.Cosine;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.ParameterSpan;
import dev.bellows.optimizers.Schedule;
import dev.bellows.optimizers.Sgd;
import dev.bellows.optimizers.UpdateRule;
import dev.bellows.optimizers.WarmupStableDecay;
import dev.bellows.parallelism.Reduction;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.OptimizerSection;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.config.ScheduleSection;
import java.util.ArrayList;
import java.util.List;

/// Turns a configuration's words into the objects that they name.
final class Recipe {
  private Recipe() {}

  static UpdateRule updateRule(OptimizerSection section) {
    return switch (section.kind()) {
      case ADAMW ->
          new AdamW(section.beta1(), section.beta2(), section.epsilon(), section.weightDecay());
      case SGD -> new Sgd(section.momentum(), section.nesterov(), section.weightDecay());
    };
  }

  static Optimizer optimizer(RunConfig config, Backend backend, ParameterStore store) {
    List<Parameter> parameters = store.parameters();
    List<ParameterSpan> spans = new ArrayList<>();
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      spans.add(
          new ParameterSpan(
              parameter.name(), parameter.shape(), store.offset(i), parameter.isDecayed()));
    }
    return new Optimizer(
        backend, updateRule(config.optimizer()), spans, store.values(), store.primaryGradients());
  }

  static Schedule schedule(RunConfig config) {
    ScheduleSection section = config.schedule();
    double peak = config.optimizer().learningRate();
    return switch (section.kind()) {
      case CONSTANT -> new Constant(peak, section.warmup());
      case COSINE -> new Cosine(peak, section.floor() * peak, section.warmup(), section.steps());
      case WSD ->
          new WarmupStableDecay(
              peak, section.floor() * peak, section.warmup(), section.decay(), section.steps());
    };
  }

  static Reduction reduction(RunConfig config) {
    return switch (config.batch().reduction()) {
      case TREE -> Reduction.TREE;
      case RANK -> Reduction.RANK_ORDER;
    };
  }
}
