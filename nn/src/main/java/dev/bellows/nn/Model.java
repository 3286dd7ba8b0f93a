package dev.bellows.nn;

import java.util.List;

/// A single-device model; how its parameters are split over devices is no business of its own.
public interface Model {
  /// Every parameter and tied use, in forward order, known before anything is allocated.
  List<Parameter> parameters();

  /// Records the forward pass of one micro-batch. Returns logits [rows, classes]; `batch` is borrowed, its targets
  /// are not read. Blocks are recorded as segments ([Tape#segment]), so that recomputation and placement need no change here. Threads: the tape's.
  Variable logits(Tape tape, Batch batch);

  /// Rows of the logits that one sample gives: 1 for a classifier, the context length for a language model.
  int rowsPerSample();

  /// Floating-point operations of forward and backward for one sample: 6 per weight of every product and row, and attention's products
  /// with causal skipping.
  double flopsPerSample();

  /// Bytes of activations kept for backward by a micro-batch of `samples`, an estimate from the shapes.
  long activationBytes(int samples);
}
