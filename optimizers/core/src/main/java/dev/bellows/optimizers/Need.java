package dev.bellows.optimizers;

/// What an [UpdateRule] must see at once to update one element; a parallel plan decides by it how a parameter may be split.
public enum Need {
  /// The element alone: any slice of the flat buffers may be updated on its own.
  ELEMENT,
  /// The element and sums over its row or column.
  STATISTICS,
  /// The parameter's whole matrix.
  MATRIX
}
