package dev.bellows.parallelism.pipeline;

import dev.bellows.models.LanguageModel;
import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.WeightGradient;
import dev.bellows.optimizers.GradientClipping;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.GradientReducer;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.Transport;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The oracle: the same training by plain [Backpropagation], one store, one rank.
///
/// @param losses sum of row losses, by step and group
/// @param norms squared gradient norm, by step
/// @param parameters final values, by name
record OneRank(double[][] losses, double[] norms, Map<String, double[]> parameters) {
  static OneRank train(
      Backend backend, LanguageModel model, Updates updates, int groups, int steps, long seed) {
    OneRank outcome =
        new OneRank(new double[steps][groups], new double[steps], new LinkedHashMap<>());
    try (ParameterStore store =
            new ParameterStore(backend, model.parameters(), updates.precision());
        Optimizer optimizer = updates.optimizer(backend, store);
        GradientReducer reducer =
            new GradientReducer(
                backend,
                store,
                new BatchTree(groups, 1),
                0,
                new Collectives(Transport.single(), (peer, waited) -> {}),
                Reduction.TREE)) {
      store.initialise(seed);
      Backpropagation estimator =
          new Backpropagation(
              backend, model, store, SavedTensors.keep(), WeightGradient.EXACT, Loss.PLAIN, seed);
      for (int step = 0; step < steps; step++) {
        estimator.estimate(
            new TextStep(backend, model, groups, step, 0, groups), outcome.sink(step, reducer));
        reducer.reduce();
        store.combineUses();
        double norm = 0;
        for (Parameter parameter : store.parameters()) {
          norm += backend.squaredNorm(parameter.gradient());
        }
        outcome.norms[step] = norm;
        optimizer.step(step + 1, Updates.LEARNING_RATE, GradientClipping.scale(norm, Updates.CLIP));
      }
      for (Parameter parameter : store.parameters()) {
        outcome.parameters.put(parameter.name(), TestTensors.values(backend, parameter.value()));
      }
    }
    return outcome;
  }

  private GradientSink sink(int step, GradientReducer reducer) {
    return new GradientSink() {
      @Override
      public void endGroup(int group, double lossSum) {
        losses[step][group] = lossSum;
        reducer.endGroup(group);
      }

      @Override
      public void ready(List<Parameter> parameters) {}
    };
  }
}
