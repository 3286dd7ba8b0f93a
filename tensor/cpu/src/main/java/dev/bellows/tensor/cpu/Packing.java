package dev.bellows.tensor.cpu;

/// How the second operand of a product is packed: the layout that oneDNN's fastest kernel reads, and the primitive that brings the operand
/// there.
///
/// A product of a plain operand packs it by itself in every call; an operand that several tiles share is packed once.
final class Packing implements AutoCloseable {
  private final ProductDescription product;
  private final Reorder reorder;

  /// The packing for products like `shape`. The calling thread's OpenMP team must have size 1.
  Packing(ProductShape shape, long engine, int workers) {
    this.product = ProductDescription.free(shape, engine);
    long plain = ProductDescription.plainB(shape);
    this.reorder = new Reorder(plain, layout(), engine, workers);
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

  /// Copies the operand into the packed layout.
  Reorder reorder() {
    return reorder;
  }

  @Override
  public void close() {
    reorder.close();
    product.close();
  }
}
