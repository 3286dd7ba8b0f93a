package dev.bellows.models;

/// The sizes of a [Gpt].
///
/// @param layers transformer blocks
/// @param heads attention heads of a block; divides `width`
/// @param width elements of one position's activation
/// @param context most positions of a sequence
/// @param vocabulary token ids, 0 to vocabulary - 1
/// @param bias whether linear layers and layer norms have biases, as GPT-2 has
/// @param dropout probability of an element to be dropped in training, behind the embedding and at the end of each branch; 0 to below 1. Attention's
///     probabilities, which are never in memory, are not dropped
public record GptConfig(
    int layers,
    int heads,
    int width,
    int context,
    int vocabulary,
    boolean bias,
    double dropout) {
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
    DropoutRange.check(dropout);
    if (width % heads != 0) {
      throw new IllegalArgumentException(
          "the width of a GPT must be a multiple of its heads, but width is "
              + width
              + " and heads is "
              + heads);
    }
  }

  /// Sizes of a model without dropout.
  public GptConfig(
      int layers, int heads, int width, int context, int vocabulary, boolean bias) {
    this(layers, heads, width, context, vocabulary, bias, 0);
  }
}
