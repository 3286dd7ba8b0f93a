package dev.bellows.tensor;

/// Which elements dropout keeps: a pure function of a random stream and of an element's place in the whole run, so that every layout, cut into
/// micro-batches and number of threads drops the same ones.
///
/// Element (row, column) of a matrix of width N looks at 32 bits of Philox under `key`: with R = `firstRow` + row, block column / 64 and o = column
/// modulo 64, at word o / 16 of the counter `(R · ceil(N / 64) + block) · 16 + o modulo 16`. Neighbouring columns so have neighbouring counters, as
/// vectors like it. The element is dropped when the word, unsigned, is below probability · 2³².
///
/// @param probability of being dropped, 0 to below 1
/// @param key of the stream, [Philox#key]
/// @param firstRow global number of row 0
public record Dropout(double probability, long key, long firstRow) {
  /// Columns that share a row of counters.
  public static final int BLOCK = 64;

  /// Counters of a block, each of four words.
  public static final int COUNTERS = 16;

  public Dropout {
    if (!(probability >= 0 && probability < 1) || firstRow < 0) {
      throw new IllegalArgumentException(
          "dropout needs a probability in [0, 1) and a first row of at least 0, not "
              + probability
              + " and "
              + firstRow);
    }
  }

  /// Counter of the first column of block 0 of row `row` of a matrix of `width` columns.
  public long counter(long row, long width) {
    return (firstRow + row) * Math.ceilDiv(width, BLOCK) * COUNTERS;
  }

  /// Words below it, unsigned, are dropped.
  public long threshold() {
    return Math.round(probability * 0x1.0p32);
  }

  /// Factor of what is kept, so that the expectation stays.
  public double scale() {
    return 1 / (1 - probability);
  }
}
