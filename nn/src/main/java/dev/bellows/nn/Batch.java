package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// One micro-batch on the device.
///
/// @param inputs token ids I32 [samples, time], or features F32 [samples, width]
/// @param targets class ids I32, one per row of the logits; negative: ignored
/// @param samples sequences or images
public record Batch(Tensor inputs, Tensor targets, int samples) implements AutoCloseable {
  /// Releases both tensors.
  @Override
  public void close() {
    inputs.release();
    targets.release();
  }
}
