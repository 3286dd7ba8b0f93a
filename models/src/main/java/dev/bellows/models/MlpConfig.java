package dev.bellows.models;

import java.util.List;

/// The sizes of an [Mlp].
///
/// @param inputs features of a sample
/// @param hidden width of each hidden layer, first to last; may be empty
/// @param classes classes to tell apart
public record MlpConfig(int inputs, List<Integer> hidden, int classes) {
  public MlpConfig {
    hidden = List.copyOf(hidden);
    if (inputs < 1 || classes < 1 || hidden.stream().anyMatch(width -> width < 1)) {
      throw new IllegalArgumentException(
          "an MLP needs sizes of at least 1, not inputs "
              + inputs
              + ", hidden "
              + hidden
              + ", classes "
              + classes);
    }
  }
}
