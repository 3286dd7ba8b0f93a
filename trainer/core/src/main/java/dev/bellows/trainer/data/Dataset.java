package dev.bellows.trainer.data;

import java.lang.foreign.MemorySegment;

/// A fixed number of samples; each is a pure function of (seed, epoch, index). Thread-safe.
public interface Dataset {
  /// Samples in one epoch, 1 or more.
  long samples();

  /// The form of every sample.
  SampleLayout layout();

  /// Writes sample `index` of `epoch`. Shapes: `inputs` holds [SampleLayout#inputBytes], `targets` [SampleLayout#targetBytes]; both are host
  /// memory, aligned to 4 bytes, borrowed for the call. Errors: [IndexOutOfBoundsException] when `index` is not in [0, samples).
  void read(long epoch, long index, MemorySegment inputs, MemorySegment targets);
}
