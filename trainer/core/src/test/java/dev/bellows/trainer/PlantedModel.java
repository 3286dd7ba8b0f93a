package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import java.util.ArrayList;
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
  public List<Unit> units() {
    List<Unit> units = new ArrayList<>(model.units());
    units.set(0, new Planted(units.getFirst()));
    return units;
  }

  /// A first unit before whose forward passes the fault is counted.
  private final class Planted implements Unit {
    private final Unit unit;

    Planted(Unit unit) {
      this.unit = unit;
    }

    @Override
    public String name() {
      return unit.name();
    }

    @Override
    public Position position() {
      return unit.position();
    }

    @Override
    public List<Parameter> parameters() {
      return unit.parameters();
    }

    @Override
    public int width() {
      return unit.width();
    }

    @Override
    public Variable forward(Tape tape, Variable input, SampleRange samples) {
      if (++calls == call) {
        fault.accept(model);
      }
      return unit.forward(tape, input, samples);
    }
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
