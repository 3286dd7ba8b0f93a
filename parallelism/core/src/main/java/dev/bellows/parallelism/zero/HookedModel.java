package dev.bellows.parallelism.zero;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import java.util.ArrayList;
import java.util.List;

/// A model that tells hooks of its units' passes.
final class HookedModel implements Model {
  private final Model model;
  private final List<Unit> units;

  HookedModel(Model model, UnitHooks hooks) {
    this.model = model;
    this.units = units(model.units(), hooks);
  }

  /// The same units, whose passes `hooks` are told of.
  static List<Unit> units(List<Unit> units, UnitHooks hooks) {
    List<Unit> hooked = new ArrayList<>();
    for (int i = 0; i < units.size(); i++) {
      hooked.add(new HookedUnit(units.get(i), i, hooks));
    }
    return hooked;
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
      Variable x = tape.border(input, () -> hooks.afterBackward(index));
      hooks.beforeForward(index);
      Variable y = unit.forward(tape, x, samples);
      hooks.afterForward(index);
      return tape.border(y, () -> hooks.beforeBackward(index));
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
