package dev.bellows.tensor;

/// The sizes of one attention call.
///
/// @param batch sequences
/// @param time positions of each sequence
/// @param heads query heads
/// @param keyValueHeads key and value heads; divides `heads`, equal to it except in grouped-query attention
/// @param headWidth elements of one head
/// @param causal position t attends to positions 0 to t only
/// @param half the operands of the products (queries, keys, values, probabilities and their gradients) are rounded to BF16; sums, softmax and
///     results stay as they are
public record Attention(
    int batch,
    int time,
    int heads,
    int keyValueHeads,
    int headWidth,
    boolean causal,
    boolean half) {
  public Attention {
    if (batch < 0
        || time < 1
        || heads < 1
        || keyValueHeads < 1
        || headWidth < 1
        || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "attention needs positive sizes and keyValueHeads that divide heads, not batch "
              + batch
              + ", time "
              + time
              + ", heads "
              + heads
              + ", keyValueHeads "
              + keyValueHeads
              + ", headWidth "
              + headWidth);
    }
  }

  /// The sizes of a call that rounds nothing.
  public Attention(
      int batch, int time, int heads, int keyValueHeads, int headWidth, boolean causal) {
    this(batch, time, heads, keyValueHeads, headWidth, causal, false);
  }

  /// The same sizes with or without rounded operands.
  public Attention withHalf(boolean rounded) {
    return new Attention(batch, time, heads, keyValueHeads, headWidth, causal, rounded);
  }

  /// Elements of one row of the packed queries, keys and values.
  public int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth;
  }
}
