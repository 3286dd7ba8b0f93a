package dev.bellows.trainer.data;

import dev.bellows.nn.Batch;

/// One batch of held-out samples.
///
/// @param batch on the backend; the last one of a split is padded with ignored samples
/// @param targets the same targets on the host, negative where ignored; not to be written to
public record ValidationBatch(Batch batch, int[] targets) implements AutoCloseable {
  /// Targets that count.
  public long counted() {
    long counted = 0;
    for (int target : targets) {
      counted += target >= 0 ? 1 : 0;
    }
    return counted;
  }

  /// Releases the tensors.
  @Override
  public void close() {
    batch.close();
  }
}
