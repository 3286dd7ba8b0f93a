package dev.bellows.nn;

import java.util.List;

/// A single-device model; how it is split over devices is no business of its own.
public interface Model {
  /// What it is made of, in forward order, known before anything is allocated. Blocks are recorded as segments ([Tape#segment]), so that
  /// recomputation and placement need no change here.
  List<Unit> units();

  /// Every parameter and tied use, in forward order, known before anything is allocated.
  default List<Parameter> parameters() {
    return units().stream().flatMap(unit -> unit.parameters().stream()).toList();
  }

  /// Records the forward pass of one micro-batch through all units. Returns logits [rows, classes]; `batch` is borrowed, its targets
  /// are not read. Threads: the tape's.
  default Variable logits(Tape tape, Batch batch) {
    SampleRange samples = SampleRange.of(batch);
    Variable x = tape.constant(batch.inputs());
    for (Unit unit : units()) {
      x = unit.forward(tape, x, samples);
    }
    return x;
  }

  /// Rows of the logits that one sample gives: 1 for a classifier, the context length for a language model.
  int rowsPerSample();

  /// Floating-point operations of forward and backward for one sample: 6 per weight of every product and row, and attention's products
  /// with causal skipping.
  double flopsPerSample();

  /// Bytes of activations kept for backward by a micro-batch of `samples`, an estimate from the shapes.
  long activationBytes(int samples);
}
