package dev.bellows.tensor.cpu;

/// Copies a matrix from one oneDNN layout into another. All workers may run it at once.
final class Reorder implements AutoCloseable {
  private final Primitive primitive;

  /// A copy `from` one layout `to` another, both the caller's.
  Reorder(long from, long to, long engine, int workers) {
    long attributes = OneDnn.attributes(false);
    long description = OneDnn.reorderDescription(engine, from, to, attributes);
    this.primitive =
        new Primitive(
            description,
            new int[] {OneDnn.ARG_SRC, OneDnn.ARG_DST},
            new long[] {from, to},
            engine,
            workers);
    OneDnn.destroyDescription(description);
    OneDnn.destroyAttributes(attributes);
  }

  long scratchBytes() {
    return primitive.scratchBytes();
  }

  /// Copies the matrix at `source` to `target` as `worker`.
  void execute(int worker, long stream, long source, long target, long scratchpad) {
    primitive.point(worker, 0, source);
    primitive.point(worker, 1, target);
    primitive.execute(worker, stream, scratchpad);
  }

  @Override
  public void close() {
    primitive.close();
  }
}
