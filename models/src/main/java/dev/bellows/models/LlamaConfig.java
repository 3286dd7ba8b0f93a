package dev.bellows.models;

/// The sizes of a [Llama].
///
/// @param layers transformer blocks
/// @param heads query heads of a block; divides `width`, into heads of an even width
/// @param keyValueHeads key and value heads of a block; divides `heads`, and fewer of them are grouped-query attention
/// @param width elements of one position's activation
/// @param intermediate elements between the two products of the MLP
/// @param context most positions of a sequence
/// @param vocabulary token ids, 0 to vocabulary - 1
/// @param theta base of the rotary embedding's wave lengths
/// @param tied whether the head shares the token table
/// @param dropout probability of an element to be dropped in training, behind the embedding and at the end of each branch; 0 to below 1
public record LlamaConfig(
    int layers,
    int heads,
    int keyValueHeads,
    int width,
    int intermediate,
    int context,
    int vocabulary,
    double theta,
    boolean tied,
    double dropout) {
  public LlamaConfig {
    if (layers < 1
        || heads < 1
        || keyValueHeads < 1
        || width < 1
        || intermediate < 1
        || context < 1
        || vocabulary < 1
        || !(theta > 0)) {
      throw new IllegalArgumentException(
          "a Llama needs sizes of at least 1 and a theta above 0, not layers "
              + layers
              + ", heads "
              + heads
              + ", keyValueHeads "
              + keyValueHeads
              + ", width "
              + width
              + ", intermediate "
              + intermediate
              + ", context "
              + context
              + ", vocabulary "
              + vocabulary
              + ", theta "
              + theta);
    }
    DropoutRange.check(dropout);
    if (width % (2 * heads) != 0 || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "a Llama needs a width that is a multiple of twice its heads, and heads that are a"
              + " multiple of its keyValueHeads, but width is "
              + width
              + ", heads is "
              + heads
              + " and keyValueHeads is "
              + keyValueHeads);
    }
  }

  /// Sizes of a model without dropout.
  public LlamaConfig(
      int layers,
      int heads,
      int keyValueHeads,
      int width,
      int intermediate,
      int context,
      int vocabulary,
      double theta,
      boolean tied) {
    this(layers, heads, keyValueHeads, width, intermediate, context, vocabulary, theta, tied, 0);
  }

  /// The usual width between the products of the MLP: two thirds of 4 · `width`, rounded up to a multiple of 64.
  public static int intermediateOf(int width) {
    return Math.ceilDiv(8 * width, 3 * 64) * 64;
  }

  /// Elements of one head.
  int headWidth() {
    return width / heads;
  }

  /// Elements of one row of packed queries, keys and values.
  int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth();
  }
}
