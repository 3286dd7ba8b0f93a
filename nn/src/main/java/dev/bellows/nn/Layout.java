package dev.bellows.nn;

/// How a value on a [Tape] lies on the ranks of a [TensorGroup].
public enum Layout {
  /// Every rank has all of it, bit for bit; so too its gradient.
  WHOLE("whole"),
  /// Every rank has all columns of its own run of rows ([TensorGroup#firstRow]): sequence parallelism.
  ROWS("split by rows"),
  /// Every rank has all rows of its own columns: outputs of a column-parallel layer, heads, classes.
  COLUMNS("split by columns");

  private final String words;

  Layout(String words) {
    this.words = words;
  }

  /// For a reader.
  @Override
  public String toString() {
    return words;
  }
}
