package dev.bellows.nn;

/// How the ranks of the tensor axis share a parameter. Weights lie [out, in].
public enum Split {
  /// Each rank holds all of it: norms, positions, biases of row-parallel layers.
  REPLICATED("replicated"),
  /// Column-parallel: each rank holds an equal run of the outputs.
  COLUMN("outputs"),
  /// Row-parallel: each rank holds an equal run of the inputs, and its output waits for a sum.
  ROW("inputs"),
  /// Column-parallel, packed queries, keys and values: each rank holds whole heads of each. Where there are fewer key and value heads than ranks,
  /// neighbouring ranks hold copies of the one that their queries use.
  HEADS("heads"),
  /// Column-parallel, gates and ups packed: each rank holds an equal run of both halves.
  HALVES("outputs of both halves"),
  /// Rows of a token table, or classes of a head; the first ranks hold one row more when they do not come out even.
  VOCABULARY("vocabulary");

  private final String words;

  Split(String words) {
    this.words = words;
  }

  /// What is split, for a reader.
  @Override
  public String toString() {
    return words;
  }
}
