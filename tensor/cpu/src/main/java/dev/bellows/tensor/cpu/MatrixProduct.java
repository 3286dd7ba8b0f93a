package dev.bellows.tensor.cpu;

/// A product that is prepared for one [ProductShape]. All workers may run it at once.
final class MatrixProduct implements AutoCloseable {
  private static final int[] NAMES = {OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST};
  private static final int[] NAMES_WITH_BIAS = {
    OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST, OneDnn.ARG_BIAS
  };

  private final Primitive primitive;
  private final boolean bias;

  private MatrixProduct(
      ProductShape shape, ProductDescription description, long engine, int workers) {
    this.bias = shape.bias();
    long[] layouts = {description.a(), description.b(), description.c(), description.bias()};
    this.primitive =
        new Primitive(
            description.description(), bias ? NAMES_WITH_BIAS : NAMES, layouts, engine, workers);
  }

  /// A product whose second operand lies as `shape` says. The calling thread's OpenMP team must have size 1, as for the other one.
  static MatrixProduct plain(ProductShape shape, long engine, int workers) {
    try (ProductDescription description = ProductDescription.plain(shape, engine)) {
      return new MatrixProduct(shape, description, engine, workers);
    }
  }

  /// A product whose second operand is packed.
  static MatrixProduct packed(ProductShape shape, Packing packing, long engine, int workers) {
    try (ProductDescription description =
        ProductDescription.packed(shape, packing.layout(), engine)) {
      return new MatrixProduct(shape, description, engine, workers);
    }
  }

  /// Bytes of scratchpad that [#execute] needs.
  long scratchBytes() {
    return primitive.scratchBytes();
  }

  /// Runs the product as `worker`; addresses are absolute, `biasRow` is ignored without a bias.
  void execute(int worker, long stream, long a, long b, long biasRow, long c, long scratchpad) {
    primitive.point(worker, 0, a);
    primitive.point(worker, 1, b);
    primitive.point(worker, 2, c);
    if (bias) {
      primitive.point(worker, 3, biasRow);
    }
    primitive.execute(worker, stream, scratchpad);
  }

  @Override
  public void close() {
    primitive.close();
  }
}
