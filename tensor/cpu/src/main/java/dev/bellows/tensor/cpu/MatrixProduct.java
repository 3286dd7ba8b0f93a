package dev.bellows.tensor.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A oneDNN primitive for one [ProductShape], with memory objects for each worker.
///
/// The primitive is made for one OpenMP thread and uses a scratchpad of the caller's, so all workers may run it at once.
final class MatrixProduct implements AutoCloseable {
  private static final int ARGUMENT_BYTES = 16;

  private final long primitive;
  private final long scratchBytes;
  private final boolean bias;
  private final long[] memories;
  private final long[] arguments;
  private final Arena arena = Arena.ofShared();

  /// Takes 0.5 to 1 ms. The calling thread's OpenMP team must have size 1.
  MatrixProduct(ProductShape shape, long engine, int workers) {
    this.bias = shape.bias();
    int type = shape.half() ? OneDnn.BF16 : OneDnn.F32;
    long a = matrix(type, shape.m(), shape.k(), shape.lda(), shape.transposeA());
    long b = matrix(type, shape.k(), shape.n(), shape.ldb(), shape.transposeB());
    long c = OneDnn.matrix(OneDnn.F32, shape.m(), shape.n(), shape.ldc(), 1);
    long row = bias ? OneDnn.matrix(OneDnn.F32, 1, shape.n(), shape.n(), 1) : 0;
    long attributes = OneDnn.attributes(shape.accumulate());
    long description = OneDnn.productDescription(engine, a, b, row, c, attributes);
    long scratch = OneDnn.scratchpad(description);
    this.scratchBytes = OneDnn.memoryBytes(scratch);
    this.primitive = OneDnn.primitive(description);
    this.memories = new long[workers * 5];
    this.arguments = new long[workers];
    for (int worker = 0; worker < workers; worker++) {
      long[] descriptors = {a, b, c, scratch, row};
      int[] names = {
        OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST, OneDnn.ARG_SCRATCHPAD, OneDnn.ARG_BIAS
      };
      MemorySegment list = arena.allocate(5L * ARGUMENT_BYTES, 16);
      for (int i = 0; i < (bias ? 5 : 4); i++) {
        long memory = OneDnn.memory(descriptors[i], engine);
        memories[worker * 5 + i] = memory;
        list.set(JAVA_INT, (long) i * ARGUMENT_BYTES, names[i]);
        list.set(JAVA_LONG, (long) i * ARGUMENT_BYTES + 8, memory);
      }
      arguments[worker] = list.address();
    }
    OneDnn.destroyDescription(description);
    OneDnn.destroyAttributes(attributes);
    OneDnn.destroyMatrix(a);
    OneDnn.destroyMatrix(b);
    OneDnn.destroyMatrix(c);
    if (bias) {
      OneDnn.destroyMatrix(row);
    }
  }

  private static long matrix(int type, int rows, int columns, int leading, boolean transposed) {
    return transposed
        ? OneDnn.matrix(type, rows, columns, 1, leading)
        : OneDnn.matrix(type, rows, columns, leading, 1);
  }

  /// Bytes of scratchpad that [#execute] needs.
  long scratchBytes() {
    return scratchBytes;
  }

  /// Runs the product as `worker`; addresses are absolute, `biasRow` is ignored without a bias.
  void execute(int worker, long stream, long a, long b, long biasRow, long c, long scratchpad) {
    int at = worker * 5;
    OneDnn.point(memories[at], a);
    OneDnn.point(memories[at + 1], b);
    OneDnn.point(memories[at + 2], c);
    OneDnn.point(memories[at + 3], scratchpad);
    if (bias) {
      OneDnn.point(memories[at + 4], biasRow);
    }
    OneDnn.execute(primitive, stream, bias ? 5 : 4, arguments[worker]);
  }

  @Override
  public void close() {
    for (long memory : memories) {
      if (memory != 0) {
        OneDnn.destroyMemory(memory);
      }
    }
    OneDnn.destroyPrimitive(primitive);
    arena.close();
  }
}
