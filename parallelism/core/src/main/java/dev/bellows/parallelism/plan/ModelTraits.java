package dev.bellows.parallelism.plan;

/// What a plan must know of a model beside the names and shapes of its parameters.
///
/// @param family whose names its parameters have
/// @param layers transformer blocks, or linear layers of an MLP; 1 for a model that cannot be split
/// @param heads query heads of a block, 0 without attention
/// @param keyValueHeads key and value heads of a block, 0 without attention
/// @param width width of the residual stream, 0 without one
public record ModelTraits(Family family, int layers, int heads, int keyValueHeads, int width) {
  /// Models with rules of their own.
  public enum Family {
    /// GPT-2's names.
    GPT,
    /// Llama's names, queries, keys and values packed, gates and ups packed.
    LLAMA,
    /// `layers.0`, `layers.1`, …
    MLP,
    /// Any other model: one stage, one tensor rank.
    WHOLE
  }

  /// Whether it is made of transformer blocks.
  public boolean isDecoder() {
    return family == Family.GPT || family == Family.LLAMA;
  }
}
