package dev.bellows.trainer.data;

import dev.bellows.tensor.DType;

/// The form of one sample of a dataset.
///
/// @param inputs [DType#I32] for token ids or [DType#F32] for features
/// @param inputElements elements of one sample's inputs: tokens, or features
/// @param targetsPerSample targets of one sample, I32: one per token, or 1
/// @param classes targets are in [0, classes), or negative: ignored
public record SampleLayout(DType inputs, long inputElements, int targetsPerSample, int classes) {
  /// The target that no loss counts.
  public static final int IGNORED = -1;

  public SampleLayout {
    if ((inputs != DType.I32 && inputs != DType.F32)
        || inputElements < 1
        || targetsPerSample < 1
        || classes < 1) {
      throw new IllegalArgumentException(
          "no layout of samples: "
              + inputs
              + ", "
              + inputElements
              + " inputs, "
              + targetsPerSample
              + " targets, "
              + classes
              + " classes");
    }
  }

  /// Bytes of one sample's inputs.
  public long inputBytes() {
    return inputElements * inputs.bytes();
  }

  /// Bytes of one sample's targets.
  public long targetBytes() {
    return (long) targetsPerSample * DType.I32.bytes();
  }
}
