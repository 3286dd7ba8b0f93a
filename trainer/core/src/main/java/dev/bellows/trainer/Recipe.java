package dev.bellows.trainer;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.optimizers.Constant;
import dev.bellows.optimizers.Cosine;
import dev.bellows.optimizers.LossScaler;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.ParameterSpan;
import dev.bellows.optimizers.Schedule;
import dev.bellows.optimizers.Treatment;
import dev.bellows.optimizers.WarmupStableDecay;
import dev.bellows.parallelism.Reduction;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.LossScaleSection;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.config.ScheduleSection;
import java.util.ArrayList;
import java.util.List;

/// Turns a configuration's words into the objects that they name.
final class Recipe {
  private Recipe() {}

  /// The optimizer of what `store` has placed.
  static Optimizer optimizer(UpdatePlan plan, Backend backend, ParameterStore store) {
    List<ParameterSpan> spans = new ArrayList<>();
    List<Treatment> treatments = new ArrayList<>();
    for (Parameter parameter : store.parameters()) {
      UpdatePlan.Entry entry = plan.entry(parameter);
      spans.add(
          new ParameterSpan(
              parameter.name(),
              parameter.localShape(),
              store.offset(spans.size()),
              entry.decayed()));
      treatments.add(entry.treatment());
    }
    return new Optimizer(backend, spans, treatments, store.values(), store.primaryGradients());
  }

  static LossScaler lossScaler(RunConfig config) {
    LossScaleSection section = config.lossScale();
    return section.initial() == 0
        ? LossScaler.off()
        : LossScaler.dynamic(section.initial(), section.growthInterval());
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
