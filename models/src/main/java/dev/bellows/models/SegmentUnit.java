package dev.bellows.models;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import java.util.List;
import java.util.function.BiFunction;

/// A unit that does not look at its samples, recorded as one segment of the tape.
///
/// @param body records the operations; uses its input up
record SegmentUnit(
    String name,
    Position position,
    List<Parameter> parameters,
    int width,
    BiFunction<Tape, Variable, Variable> body)
    implements Unit {
  SegmentUnit {
    parameters = List.copyOf(parameters);
  }

  @Override
  public Variable forward(Tape tape, Variable input, SampleRange samples) {
    return tape.segment(name, input, x -> body.apply(tape, x));
  }
}
