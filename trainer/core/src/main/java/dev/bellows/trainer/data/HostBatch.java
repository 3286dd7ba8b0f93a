package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.nn.Batch;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A fixed number of samples in host memory. Threads: one at a time, handed over with a happens-before edge; only [#step] may be asked
/// meanwhile.
final class HostBatch {
  private static final long ALIGNMENT = 64;

  private final SampleLayout layout;
  private final int samples;
  private final MemorySegment inputs;
  private final MemorySegment targets;
  private volatile long step = -1;

  /// Room for `samples` samples, freed with `arena`.
  HostBatch(Arena arena, SampleLayout layout, int samples) {
    this.layout = layout;
    this.samples = samples;
    this.inputs = arena.allocate(layout.inputBytes() * samples, ALIGNMENT);
    this.targets = arena.allocate(layout.targetBytes() * samples, ALIGNMENT);
  }

  int samples() {
    return samples;
  }

  /// The step whose samples lie here, or -1.
  long step() {
    return step;
  }

  void validate(long loaded) {
    step = loaded;
  }

  void invalidate() {
    step = -1;
  }

  /// Reads one sample of `dataset` to `slot`.
  void read(int slot, Dataset dataset, long epoch, long index) {
    dataset.read(
        epoch,
        index,
        inputs.asSlice(slot * layout.inputBytes(), layout.inputBytes()),
        targets.asSlice(slot * layout.targetBytes(), layout.targetBytes()));
  }

  /// Fills `slot` with zero inputs and ignored targets.
  void pad(int slot) {
    inputs.asSlice(slot * layout.inputBytes(), layout.inputBytes()).fill((byte) 0);
    for (int i = 0; i < layout.targetsPerSample(); i++) {
      targets.setAtIndex(
          JAVA_INT, (long) slot * layout.targetsPerSample() + i, SampleLayout.IGNORED);
    }
  }

  /// All targets.
  int[] targets() {
    return targets.toArray(JAVA_INT);
  }

  /// Samples [first, first + count) as tensors that the caller owns; the run consumes the first of them as its sample `place`.
  Batch upload(Backend backend, int first, int count, long place) {
    Tensor features =
        backend.allocate(
            layout.inputs(), Shape.of(count, layout.inputElements()), Category.ACTIVATION);
    try {
      backend.upload(
          inputs.asSlice(first * layout.inputBytes(), count * layout.inputBytes()), features);
      Tensor classes =
          backend.allocate(
              DType.I32, Shape.of((long) count * layout.targetsPerSample()), Category.ACTIVATION);
      try {
        backend.upload(
            targets.asSlice(first * layout.targetBytes(), count * layout.targetBytes()), classes);
        return new Batch(features, classes, count, place);
      } catch (RuntimeException | Error e) {
        classes.release();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      features.release();
      throw e;
    }
  }
}
