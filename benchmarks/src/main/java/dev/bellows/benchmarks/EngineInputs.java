package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The initial weights and the batches that all sides train on, as raw little-endian files, a pure function of shape and seed.
///
/// `weights.f32` holds [ModelShape#weights] one after the other. `batches.bin` holds [#BATCHES] batches of four-byte elements; each is inputs
/// (I32 ids or F32 features, sample after sample) and then I32 targets. Step `s` trains on batch `s mod BATCHES`.
final class EngineInputs {
  /// Different batches in the file.
  static final int BATCHES = 8;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ELEMENT = 4;

  private final ModelShape shape;
  private final Path folder;

  /// Inputs for `shape` in `folder`, already written or to be written.
  EngineInputs(ModelShape shape, Path folder) {
    this.shape = shape;
    this.folder = folder;
  }

  /// Writes both files.
  void write(long seed) throws IOException {
    Files.createDirectories(folder);
    Philox root = Philox.of(seed, Philox.Purpose.TEST);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = map(arena, "weights.f32", weightBytes(), true);
      for (Weight weight : shape.weights()) {
        Philox random = root.derive(weight.name());
        for (long i = 0; i < weight.elements(); i++) {
          weights.setAtIndex(F32, weight.offset() + i, shape.firstValue(weight, random, i));
        }
      }
      MemorySegment batches = map(arena, "batches.bin", BATCHES * batchBytes(), true);
      Philox samples = root.derive("samples");
      for (int batch = 0; batch < BATCHES; batch++) {
        for (int sample = 0; sample < shape.batch(); sample++) {
          shape.drawSample(
              part(inputs(batches, batch), sample, shape.inputsPerSample()),
              part(targets(batches, batch), sample, shape.rowsPerSample()),
              samples.derive((long) batch * shape.batch() + sample));
        }
      }
    }
  }

  private static MemorySegment part(MemorySegment all, int sample, long elements) {
    return all.asSlice(sample * elements * ELEMENT, elements * ELEMENT);
  }

  private long weightBytes() {
    return shape.weightCount() * ELEMENT;
  }

  private long batchBytes() {
    return (shape.inputCount() + shape.rows()) * ELEMENT;
  }

  /// All weights, mapped read-only for the life of `arena`.
  MemorySegment weights(Arena arena) throws IOException {
    return map(arena, "weights.f32", weightBytes(), false);
  }

  /// All batches, mapped read-only for the life of `arena`.
  MemorySegment batches(Arena arena) throws IOException {
    return map(arena, "batches.bin", BATCHES * batchBytes(), false);
  }

  /// The inputs of the batch of `step` in what [#batches] returned.
  MemorySegment inputs(MemorySegment batches, long step) {
    return batches.asSlice(step % BATCHES * batchBytes(), shape.inputCount() * ELEMENT);
  }

  /// The targets of the batch of `step` in what [#batches] returned.
  MemorySegment targets(MemorySegment batches, long step) {
    long start = step % BATCHES * batchBytes() + shape.inputCount() * ELEMENT;
    return batches.asSlice(start, shape.rows() * ELEMENT);
  }

  private MemorySegment map(Arena arena, String name, long bytes, boolean write)
      throws IOException {
    Path file = folder.resolve(name);
    if (write) {
      Files.deleteIfExists(file);
      try (FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE)) {
        return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
      }
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() != bytes) {
        throw new IOException(
            file
                + " holds "
                + channel.size()
                + " bytes, the model "
                + shape.model()
                + " with "
                + shape
                + " needs "
                + bytes);
      }
      return channel.map(MapMode.READ_ONLY, 0, bytes, arena);
    }
  }
}
