package dev.bellows.trainer.config;

import java.util.List;

/// Section `model`: which network is trained. A key that belongs to another kind is 0, empty or false.
///
/// @param kind `gpt` or `mlp`
/// @param layers transformer blocks, 1 or more (gpt)
/// @param heads attention heads, a divisor of `width` (gpt)
/// @param width width of the residual stream (gpt)
/// @param context tokens in a sequence (gpt)
/// @param vocabulary different tokens; 256 for bytes, the default (gpt)
/// @param bias whether linear layers and norms have a bias; default true (gpt)
/// @param hidden widths of the hidden layers, may be empty (mlp); the widths of input and output come from the data
public record ModelSection(
    Kind kind,
    @ForKind("gpt") int layers,
    @ForKind("gpt") int heads,
    @ForKind("gpt") int width,
    @ForKind("gpt") int context,
    @ForKind("gpt") @Default("256") int vocabulary,
    @ForKind("gpt") @Default("true") boolean bias,
    @ForKind("mlp") List<Integer> hidden) {
  /// The kinds of model.
  public enum Kind {
    /// GPT-2 style decoder over tokens.
    GPT,
    /// Multi-layer perceptron over features.
    MLP
  }

  public ModelSection {
    hidden = List.copyOf(hidden);
    switch (kind) {
      case GPT -> {
        Check.atLeast("model.layers", layers, 1);
        Check.atLeast("model.heads", heads, 1);
        Check.atLeast("model.width", width, 1);
        Check.atLeast("model.context", context, 1);
        Check.atLeast("model.vocabulary", vocabulary, 2);
        Check.that(
            width % heads == 0,
            "model.heads",
            "model.heads is " + heads + "; it must divide model.width, which is " + width);
      }
      case MLP -> {
        for (int size : hidden) {
          Check.atLeast("model.hidden", size, 1);
        }
      }
    }
  }
}
