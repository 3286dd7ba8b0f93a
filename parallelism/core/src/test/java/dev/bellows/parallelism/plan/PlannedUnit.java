package dev.bellows.parallelism.plan;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import java.util.List;

/// A unit that is planned but never run.
record PlannedUnit(String name, Position position, List<Parameter> parameters, int width)
    implements Unit {
  @Override
  public Variable forward(Tape tape, Variable input, SampleRange samples) {
    throw new UnsupportedOperationException(name + " is only planned");
  }
}
