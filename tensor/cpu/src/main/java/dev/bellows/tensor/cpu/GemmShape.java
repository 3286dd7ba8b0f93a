package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Gemm;

/// What a whole matrix product over packed tensors is planned by: `c [m, n] (+)= op(a) op(b) (+ bias)`.
///
/// @param half a and b are BF16 instead of F32
/// @param halfResult c is BF16 instead of F32
/// @param k length of the sums
/// @param bias an F32 vector [n] is added to each row
record GemmShape(Gemm spec, boolean half, boolean halfResult, int m, int n, int k, boolean bias) {
  /// Rows of c from which on packing b once costs less than packing it in every tile; fewer where a is transposed, whose tiles are small.
  private static final int PACKED_ROWS = 512;

  private static final int PACKED_ROWS_OF_TRANSPOSED = 256;

  /// Larger operands are not packed: the copy would cost as much memory as the weights of a layer.
  private static final long PACKED_BYTES = 16 << 20;

  /// Whether each tile is a [MatrixProduct], otherwise oneDNN's sgemm.
  ///
  /// The primitive is faster where b is transposed (a linear layer's forward pass), a bias is added or the operands are BF16; sgemm for input and weight gradients
  /// in F32 (measured up to 5 %, for weight gradients 10 to 20 %).
  boolean prepared() {
    return half || spec.transposeB() || bias;
  }

  /// Whether the tiles share a packed b.
  boolean packed() {
    int rows = spec.transposeA() ? PACKED_ROWS_OF_TRANSPOSED : PACKED_ROWS;
    return prepared() && m >= rows && operandBytes() * k * n <= PACKED_BYTES;
  }

  /// Whether the tiles share a copy of a that is transposed back, [m, k]: a BF16 product of a transposed operand transposes it by itself in every tile, which
  /// costs a tenth of its time; one copy for all tiles costs a fifth of that.
  boolean transposesA() {
    return half && spec.transposeA() && packed();
  }

  TileGrid grid() {
    return TileGrid.of(m, n, k);
  }

  /// Elements from one stored row of a to the next.
  int lda() {
    return spec.transposeA() ? m : k;
  }

  /// The same for b.
  int ldb() {
    return spec.transposeB() ? k : n;
  }

  /// Address of the part of a that a tile beginning at `row` reads.
  long a(long a, int row) {
    return a + operandBytes() * row * (spec.transposeA() ? 1 : lda());
  }

  /// Bytes of the rows of a before `row` in a copy of layout [m, k].
  long transposedOffset(int row) {
    return operandBytes() * row * k;
  }

  /// Address of the part of b that a tile beginning at `column` reads.
  long b(long b, int column) {
    return b + operandBytes() * column * (spec.transposeB() ? ldb() : 1);
  }

  /// Address of an element of c.
  long c(long c, int row, int column) {
    return c + (halfResult ? 2 : 4) * ((long) row * n + column);
  }

  private long operandBytes() {
    return half ? 2 : 4;
  }

  /// The product of one tile.
  ProductShape tile(int rows, int columns) {
    return new ProductShape(
        half,
        halfResult,
        rows,
        columns,
        k,
        spec.transposeA() && !transposesA(),
        transposesA() ? k : lda(),
        spec.transposeB(),
        ldb(),
        n,
        bias,
        spec.accumulate());
  }
}
