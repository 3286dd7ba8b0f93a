package dev.bellows.trainer;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import java.util.List;
import java.util.function.Consumer;

/// A model that does something of the test's before a forward pass.
final class PlantedModel implements Model {
  private final Model model;
  private final int call;
  private final Consumer<Model> fault;
  private int calls;

  private PlantedModel(Model model, int call, Consumer<Model> fault) {
    this.model = model;
    this.call = call;
    this.fault = fault;
  }

  /// Models of which the one of worker `partition` runs `fault` at its forward pass number `call`, counted from 1. The driver's and the
  /// other workers' models are plain.
  static ModelFactory in(int partition, int call, Runnable fault) {
    return in(partition, call, model -> fault.run());
  }

  /// The same with a fault that is given the model.
  static ModelFactory in(int partition, int call, Consumer<Model> fault) {
    return (section, layout) -> {
      Model model = new TinyModels().create(section, layout);
      return Thread.currentThread().getName().equals("bellows-worker-" + partition)
          ? new PlantedModel(model, call, fault)
          : model;
    };
  }

  @Override
  public List<Parameter> parameters() {
    return model.parameters();
  }

  @Override
  public Variable logits(Tape tape, Batch batch) {
    if (++calls == call) {
      fault.accept(model);
    }
    return model.logits(tape, batch);
  }

  @Override
  public int rowsPerSample() {
    return model.rowsPerSample();
  }

  @Override
  public double flopsPerSample() {
    return model.flopsPerSample();
  }

  @Override
  public long activationBytes(int samples) {
    return model.activationBytes(samples);
  }
}
