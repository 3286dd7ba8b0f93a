package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// One sample read from a dataset, as arrays.
///
/// @param tokens inputs of an I32 dataset, else empty
/// @param features inputs of an F32 dataset, else empty
/// @param targets its targets
record Reads(int[] tokens, float[] features, int[] targets) {
  static Reads of(Dataset dataset, long epoch, long index) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment inputs = arena.allocate(dataset.layout().inputBytes(), 4);
      MemorySegment targets = arena.allocate(dataset.layout().targetBytes(), 4);
      // Whatever the dataset does not write is no token, no number and no class.
      inputs.fill((byte) 0xFF);
      targets.fill((byte) 0x7F);
      dataset.read(epoch, index, inputs, targets);
      boolean floats = dataset.layout().inputs().isFloating();
      return new Reads(
          floats ? new int[0] : inputs.toArray(JAVA_INT),
          floats ? inputs.toArray(JAVA_FLOAT) : new float[0],
          targets.toArray(JAVA_INT));
    }
  }
}
