package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Tape;
import dev.bellows.nn.WeightGradient;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;
import java.util.function.Supplier;

/// How the passes through a chunk are recorded.
///
/// @param saved keeps what backward needs. Several micro-batches are under way at a time and end in the order in which they began, so each tape asks for
///     one of its own
/// @param weightGradient of linear layers
/// @param loss at the end of the last chunk
/// @param seed of dropout
/// @param activations what comes from the chunk before
public record ChunkRecording(
    Supplier<SavedTensors> saved,
    WeightGradient weightGradient,
    Loss loss,
    long seed,
    Activations activations) {
  /// Everything exact and kept, the random numbers of `seed`.
  public static ChunkRecording plain(Loss loss, long seed, Activations activations) {
    return new ChunkRecording(SavedTensors::keep, WeightGradient.EXACT, loss, seed, activations);
  }

  Tape tape(Backend backend) {
    Tape tape = new Tape(backend, saved.get(), weightGradient, true, activations.group());
    tape.drawFrom(Philox.of(seed, Philox.Purpose.DROPOUT));
    return tape;
  }
}
