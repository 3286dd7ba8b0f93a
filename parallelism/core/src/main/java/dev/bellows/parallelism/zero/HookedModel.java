package dev.bellows.parallelism.zero;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.UnitHooks;
import dev.bellows.nn.Variable;
import java.util.ArrayList;
import java.util.List;

/// A model that tells hooks of its units' forward passes: for evaluation, where nothing runs backward.
final class HookedModel implements Model {
  private final Model model;
  private final List<Unit> units = new ArrayList<>();

  HookedModel(Model model, UnitHooks hooks) {
    this.model = model;
    for (int i = 0; i < model.units().size(); i++) {
      units.add(new HookedUnit(model.units().get(i), i, hooks));
    }
  }

  /// Unit number `index`.
  private record HookedUnit(Unit unit, int index, UnitHooks hooks) implements Unit {
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
      hooks.beforeForward(index);
      Variable output = unit.forward(tape, input, samples);
      hooks.afterForward(index);
      return output;
    }
  }

  @Override
  public List<Unit> units() {
    return units;
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
