package dev.bellows.benchmarks;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// An [Update] over the flat buffers of a parameter store, one call for each run of neighbours with the same decay. Owns the optimizer's state
/// until [#close].
final class FlatUpdate implements AutoCloseable {
  /// A run of neighbouring parameters with the same decay: the start in elements of the flat buffers, and how many.
  private record Run(long start, long length, boolean isDecayed) {}

  private final Backend backend;
  private final ParameterStore store;
  private final Update update;
  private final List<Run> runs;
  private final List<Tensor> states = new ArrayList<>();
  private long steps;

  FlatUpdate(Backend backend, ParameterStore store, Update update) {
    this.backend = backend;
    this.store = store;
    this.update = update;
    runs = runs(store);
    int count =
        switch (update) {
          case Update.AdamW adamW -> 2;
          case Update.Sgd sgd -> 1;
        };
    for (int i = 0; i < count; i++) {
      Tensor state = backend.allocate(DType.F32, store.values().shape(), Category.OPTIMIZER);
      backend.fill(state, 0);
      states.add(state);
    }
  }

  private static List<Run> runs(ParameterStore store) {
    List<Run> list = new ArrayList<>();
    List<Parameter> parameters = store.parameters();
    int first = 0;
    for (int i = 1; i <= parameters.size(); i++) {
      boolean decayed = parameters.get(first).isDecayed();
      if (i == parameters.size() || parameters.get(i).isDecayed() != decayed) {
        list.add(new Run(store.offset(first), store.offset(i) - store.offset(first), decayed));
        first = i;
      }
    }
    return list;
  }

  /// One update from the store's gradients.
  void step() {
    steps++;
    Tensor gradients = store.primaryGradients();
    for (Run run : runs) {
      Tensor values = part(store.values(), run);
      Tensor gradient = part(gradients, run);
      switch (update) {
        case Update.AdamW adamW ->
            backend.adamW(
                new AdamWStep(
                    adamW.learningRate(),
                    adamW.beta1(),
                    adamW.beta2(),
                    adamW.epsilon(),
                    run.isDecayed ? adamW.weightDecay() : 0,
                    1,
                    steps),
                values,
                gradient,
                part(states.get(0), run),
                part(states.get(1), run));
        case Update.Sgd sgd ->
            backend.sgd(
                new SgdStep(
                    sgd.learningRate(),
                    sgd.momentum(),
                    sgd.nesterov(),
                    run.isDecayed ? sgd.weightDecay() : 0,
                    1,
                    steps),
                values,
                gradient,
                part(states.getFirst(), run));
      }
    }
  }

  private static Tensor part(Tensor flat, Run run) {
    return flat.slice(run.start, run.length);
  }

  @Override
  public void close() {
    states.forEach(Tensor::release);
  }
}
