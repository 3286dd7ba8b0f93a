package dev.bellows.trainer;

/// Bytes that one worker holds on its device, by what they are for.
///
/// @param parameters F32 weights
/// @param operands BF16 copies of the weights, under `train.precision` bf16
/// @param gradients gradient sums, one for each use of a parameter
/// @param partialSums sums over parts of the batch tree that wait for their sibling
/// @param optimizer optimizer state
/// @param workspace scratch of the neediest update
/// @param activations saved for backward, of all micro-batches that are under way at once
public record DeviceBytes(
    long parameters,
    long operands,
    long gradients,
    long partialSums,
    long optimizer,
    long workspace,
    long activations) {
  /// Sum of all.
  public long total() {
    return parameters + operands + gradients + partialSums + optimizer + workspace + activations;
  }
}
