package dev.bellows.trainer;

/// Bytes that one worker sends in one step, by mesh axis.
///
/// @param pipeline activations and their gradients between stages, gradients of a parameter used on several stages
/// @param data gradients, and weights under ZeRO
/// @param context keys and values, their gradients, and the gradients of all weights
/// @param tensor activations and their gradients inside layers
public record WireBytes(long pipeline, long data, long context, long tensor) {
  /// Sum of all.
  public long total() {
    return pipeline + data + context + tensor;
  }
}
