package dev.bellows.nn;

import java.util.List;

/// A stretch of a model that no cut between devices divides: what lies before its layers, a layer, or what lies behind them. A model is a list of
/// units, each of which takes the output of the one before.
public interface Unit {
  /// Where a unit stands in its model.
  enum Position {
    /// Before the first layer: an embedding.
    BEFORE,
    /// One of the layers.
    LAYER,
    /// Behind the last layer: a last norm, a head.
    BEHIND
  }

  /// Name, unique in the model; that of its segment where it is one.
  String name();

  /// Where it stands. In a model those before come first, then the layers, then those behind.
  Position position();

  /// Its parameters and tied uses, in forward order. The parameter that a tied use shares may belong to another unit.
  List<Parameter> parameters();

  /// Elements of a row of its output.
  int width();

  /// Records the forward pass of one micro-batch of `samples` and uses `input` up: the output [rows, width] of the unit before, where each sample has
  /// equally many rows; for the first unit the inputs of a [Batch]. Returns [rows, [#width]]. Threads: the tape's.
  Variable forward(Tape tape, Variable input, SampleRange samples);
}
