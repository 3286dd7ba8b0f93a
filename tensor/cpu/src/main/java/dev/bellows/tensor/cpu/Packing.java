package dev.bellows.tensor.cpu;

/// How the second operand of a product is packed: the layout that oneDNN's fastest kernel reads, and the primitive that brings the operand
/// there.
///
/// A product of a plain operand packs it by itself in every call; an operand that several tiles share is packed once.
final class Packing implements AutoCloseable {
  private final ProductDescription product;
  private final Primitive reorder;

  /// The packing for products like `shape`. The calling thread's OpenMP team must have size 1.
  Packing(ProductShape shape, long engine, int workers) {
    this.product = ProductDescription.free(shape, engine);
    long plain = ProductDescription.plainB(shape);
    long attributes = OneDnn.attributes(false);
    long description = OneDnn.reorderDescription(engine, plain, layout(), attributes);
    this.reorder =
        new Primitive(
            description,
            new int[] {OneDnn.ARG_SRC, OneDnn.ARG_DST},
            new long[] {plain, layout()},
            engine,
            workers);
    OneDnn.destroyDescription(description);
    OneDnn.destroyAttributes(attributes);
    OneDnn.destroyMatrix(plain);
  }

  /// The packed layout, owned by this object.
  long layout() {
    return product.chosenB();
  }

  /// Bytes of the packed operand.
  long bytes() {
    return OneDnn.memoryBytes(layout());
  }

  long scratchBytes() {
    return reorder.scratchBytes();
  }

  /// Packs the operand at `b` to `target` as `worker`.
  void execute(int worker, long stream, long b, long target, long scratchpad) {
    reorder.point(worker, 0, b);
    reorder.point(worker, 1, target);
    reorder.execute(worker, stream, scratchpad);
  }

  @Override
  public void close() {
    reorder.close();
    product.close();
  }
}
