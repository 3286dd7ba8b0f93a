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

/// The initial weights and the batches that both sides train on, as raw little-endian files, a pure function of shape and seed.
///
/// `weights.f32` holds [GptShape#weights] one after the other. `tokens.i32` holds [#BATCHES] batches; each is inputs [batch, context]
/// and then targets [batch, context]. Step `s` trains on batch `s mod BATCHES`.
final class EngineInputs {
  /// Different batches in the file.
  static final int BATCHES = 8;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GptShape shape;
  private final Path folder;

  /// Inputs for `shape` in `folder`, already written or to be written.
  EngineInputs(GptShape shape, Path folder) {
    this.shape = shape;
    this.folder = folder;
  }

  /// Writes both files.
  void write(long seed) throws IOException {
    Files.createDirectories(folder);
    Philox root = Philox.of(seed, Philox.Purpose.TEST);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = map(arena, "weights.f32", shape.weightCount() * 4, true);
      for (GptShape.Weight weight : shape.weights()) {
        fill(weights, weight, root.derive(weight.name()));
      }
      MemorySegment tokens = map(arena, "tokens.i32", BATCHES * 2 * shape.tokens() * 4, true);
      for (long sequence = 0; sequence < (long) BATCHES * shape.batch(); sequence++) {
        fillSequence(tokens, sequence, root.derive("tokens").derive(sequence));
      }
    }
  }

  /// GPT-2's deviations; biases and norms get noise too, so that a wrong one shows in the loss.
  private void fill(MemorySegment weights, GptShape.Weight weight, Philox random) {
    boolean norm = weight.name().contains("ln_") && weight.name().endsWith(".weight");
    double deviation =
        weight.name().endsWith("c_proj.weight") ? 0.02 / Math.sqrt(2.0 * shape.layers()) : 0.02;
    for (long i = 0; i < weight.elements(); i++) {
      weights.setAtIndex(
          F32, weight.offset() + i, (float) ((norm ? 1 : 0) + deviation * random.normal(i)));
    }
  }

  /// A sequence that can be learnt: mostly `next = 3·token + 1`, one token in four drawn at random.
  private void fillSequence(MemorySegment tokens, long sequence, Philox random) {
    int context = shape.context();
    long batch = sequence / shape.batch();
    long inputs = batch * 2 * shape.tokens() + sequence % shape.batch() * context;
    long targets = inputs + shape.tokens();
    int token = (int) random.below(0, shape.vocabulary());
    for (int t = 0; t < context; t++) {
      tokens.setAtIndex(I32, inputs + t, token);
      boolean drawn = random.below(2L * t + 1, 4) == 0;
      token =
          drawn
              ? (int) random.below(2L * t + 2, shape.vocabulary())
              : (int) ((3L * token + 1) % shape.vocabulary());
      tokens.setAtIndex(I32, targets + t, token);
    }
  }

  /// All weights, mapped read-only for the life of `arena`.
  MemorySegment weights(Arena arena) throws IOException {
    return map(arena, "weights.f32", shape.weightCount() * 4, false);
  }

  /// All batches, mapped read-only for the life of `arena`.
  MemorySegment tokens(Arena arena) throws IOException {
    return map(arena, "tokens.i32", BATCHES * 2 * shape.tokens() * 4, false);
  }

  /// The inputs [batch · context] of the batch of `step` in what [#tokens] returned.
  MemorySegment inputs(MemorySegment tokens, long step) {
    return tokens.asSlice(step % BATCHES * 2 * shape.tokens() * 4, shape.tokens() * 4);
  }

  /// The targets [batch · context] of the batch of `step` in what [#tokens] returned.
  MemorySegment targets(MemorySegment tokens, long step) {
    return tokens.asSlice((step % BATCHES * 2 + 1) * shape.tokens() * 4, shape.tokens() * 4);
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
            file + " holds " + channel.size() + " bytes, a GPT with " + shape + " needs " + bytes);
      }
      return channel.map(MapMode.READ_ONLY, 0, bytes, arena);
    }
  }
}
