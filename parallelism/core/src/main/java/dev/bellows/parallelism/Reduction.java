package dev.bellows.parallelism;

/// In which order gradients are summed over a batch.
public enum Reduction {
  /// By the fixed [BatchTree]: the same bits at every world size.
  TREE,
  /// Each rank sums its groups left to right, then the ranks are added in order: the bits depend on the world size. The negative control.
  RANK_ORDER
}
