package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// One micro-batch on the device.
///
/// @param inputs token ids I32 [samples, time], or features F32 [samples, width]
/// @param targets class ids I32, one per row of the logits; negative: ignored
/// @param samples sequences or images
/// @param firstSample place of the first sample in the order in which the run consumes samples, step after step: a sample's place names its random
///     numbers, whatever the layout and the cut into micro-batches
public record Batch(Tensor inputs, Tensor targets, int samples, long firstSample)
    implements AutoCloseable {
  /// A micro-batch that no random numbers belong to, or the first of a run.
  public Batch(Tensor inputs, Tensor targets, int samples) {
    this(inputs, targets, samples, 0);
  }

  /// Releases both tensors.
  @Override
  public void close() {
    inputs.release();
    targets.release();
  }
}
