package dev.bellows.tensor.cpu;

/// oneDNN's description of the product of a [ProductShape], with the layouts of its operands; `bias` is 0 for none.
record ProductDescription(long description, long a, long b, long bias, long c)
    implements AutoCloseable {

  /// For operands that lie as `shape` says. The calling thread's OpenMP team must have size 1, as for all of these.
  static ProductDescription plain(ProductShape shape, long engine) {
    return of(shape, plainB(shape), engine);
  }

  /// For a second operand in a layout of oneDNN's choice, which [#chosenB] tells.
  static ProductDescription free(ProductShape shape, long engine) {
    return of(shape, OneDnn.anyMatrix(type(shape.half()), shape.k(), shape.n()), engine);
  }

  /// For a second operand in the layout `b`, of which this takes a copy.
  static ProductDescription packed(ProductShape shape, long b, long engine) {
    return of(shape, OneDnn.copyOfLayout(b), engine);
  }

  private static ProductDescription of(ProductShape shape, long b, long engine) {
    long a = matrix(type(shape.half()), shape.m(), shape.k(), shape.lda(), shape.transposeA());
    long c = OneDnn.matrix(type(shape.halfResult()), shape.m(), shape.n(), shape.ldc(), 1);
    long bias = shape.bias() ? OneDnn.matrix(OneDnn.F32, 1, shape.n(), shape.n(), 1) : 0;
    long attributes = OneDnn.attributes(shape.accumulate());
    long description = OneDnn.productDescription(engine, a, b, bias, c, attributes);
    OneDnn.destroyAttributes(attributes);
    return new ProductDescription(description, a, b, bias, c);
  }

  /// The layout of a second operand that lies as `shape` says; the caller destroys it.
  static long plainB(ProductShape shape) {
    return matrix(type(shape.half()), shape.k(), shape.n(), shape.ldb(), shape.transposeB());
  }

  /// The layouts of `rows` rows of a first operand that is stored transposed, [k, m], and of their copy [rows, k]; the caller destroys both.
  static long[] transposition(GemmShape shape, int rows) {
    return new long[] {
      OneDnn.matrix(type(shape.half()), rows, shape.k(), 1, shape.lda()),
      OneDnn.matrix(type(shape.half()), rows, shape.k(), shape.k(), 1)
    };
  }

  private static int type(boolean half) {
    return half ? OneDnn.BF16 : OneDnn.F32;
  }

  private static long matrix(int type, int rows, int columns, int leading, boolean transposed) {
    return transposed
        ? OneDnn.matrix(type, rows, columns, 1, leading)
        : OneDnn.matrix(type, rows, columns, leading, 1);
  }

  /// The layout of the second operand, owned by this description.
  long chosenB() {
    return OneDnn.weightsLayout(description);
  }

  @Override
  public void close() {
    OneDnn.destroyDescription(description);
    OneDnn.destroyMatrix(a);
    OneDnn.destroyMatrix(b);
    OneDnn.destroyMatrix(c);
    if (bias != 0) {
      OneDnn.destroyMatrix(bias);
    }
  }
}
