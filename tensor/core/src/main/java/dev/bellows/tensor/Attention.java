package dev.bellows.tensor;

/// The sizes of one attention call.
///
/// @param batch sequences
/// @param time positions of each sequence
/// @param heads query heads
/// @param keyValueHeads key and value heads; divides `heads`, equal to it except in grouped-query attention
/// @param headWidth elements of one head
/// @param causal position t attends to positions 0 to t only
public record Attention(
    int batch, int time, int heads, int keyValueHeads, int headWidth, boolean causal) {
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

  /// Elements of one row of the packed queries, keys and values.
  public int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth;
  }
}
