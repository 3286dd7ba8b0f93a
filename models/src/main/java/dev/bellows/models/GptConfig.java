package dev.bellows.models;

/// The sizes of a [Gpt].
///
/// @param layers transformer blocks
/// @param heads attention heads of a block; divides `width`
/// @param width elements of one position's activation
/// @param context most positions of a sequence
/// @param vocabulary token ids, 0 to vocabulary - 1
/// @param bias whether linear layers and layer norms have biases, as GPT-2 has
public record GptConfig(
    int layers, int heads, int width, int context, int vocabulary, boolean bias) {
  public GptConfig {
    if (layers < 1 || heads < 1 || width < 1 || context < 1 || vocabulary < 1) {
      throw new IllegalArgumentException(
          "a GPT needs sizes of at least 1, not layers "
              + layers
              + ", heads "
              + heads
              + ", width "
              + width
              + ", context "
              + context
              + ", vocabulary "
              + vocabulary);
    }
    if (width % heads != 0) {
      throw new IllegalArgumentException(
          "the width of a GPT must be a multiple of its heads, but width is "
              + width
              + " and heads is "
              + heads);
    }
  }
}
