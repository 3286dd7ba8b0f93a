package dev.bellows.parallelism.pipeline;

import java.util.Optional;

/// The computation of one stage. `T` is what travels between chunks. Threads: the one that plays the stage.
public interface StageWork<T> {
  /// Runs `microBatch` forward through `chunk` and keeps what its backward pass needs. `activation` is the output of the chunk before, now owned
  /// by this stage; the first chunk gets none and loads the micro-batch by itself. Returns the chunk's output, whose ownership goes to the
  /// caller; the last chunk computes the loss and returns none.
  Optional<T> forward(int chunk, int microBatch, Optional<T> activation);

  /// Runs `microBatch` backward through `chunk`, adds to the gradients of its parameters and frees what forward kept. `gradient` is that of
  /// the chunk's output, now owned by this stage; the last chunk gets none and starts from the loss. Returns the gradient of the chunk's input,
  /// whose ownership goes to the caller; the first chunk returns none.
  Optional<T> backward(int chunk, int microBatch, Optional<T> gradient);
}
