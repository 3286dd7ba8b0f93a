package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Gather and scatter-add of table rows.
final class EmbeddingKernels {
  private EmbeddingKernels() {}

  /// Refuses an id of `bound` or more, and a negative one unless `ignoreNegative`. Errors: [IndexOutOfBoundsException].
  static void verifyIds(String operation, Tensor ids, long bound, boolean ignoreNegative) {
    long address = ids.segment().address();
    int count = Math.toIntExact(ids.elements());
    for (int i = 0; i < count; i++) {
      int id = ALL.get(JAVA_INT, address + 4L * i);
      if (id >= bound || (id < 0 && !ignoreNegative)) {
        throw new IndexOutOfBoundsException(
            operation + ": id " + id + " in row " + i + " is outside [0, " + bound + ")");
      }
    }
  }

  /// `out[i] (+)= table[ids[i]]` for `rows` rows of width `n`.
  static void gather(long ids, long table, long out, int rows, int n, boolean accumulate) {
    for (int i = 0; i < rows; i++) {
      long source = table + 4L * ALL.get(JAVA_INT, ids + 4L * i) * n;
      long target = out + 4L * i * n;
      if (accumulate) {
        ElementwiseKernels.add(target, source, target, n);
      } else {
        MemorySegment.copy(ALL, source, ALL, target, 4L * n);
      }
    }
  }

  /// `dtable[ids[i]] += dout[i]` in row order, for `width` columns of rows of `n`.
  static void scatterAdd(long ids, long dout, long dtable, int rows, int n, int width) {
    for (int i = 0; i < rows; i++) {
      long target = dtable + 4L * ALL.get(JAVA_INT, ids + 4L * i) * n;
      ElementwiseKernels.add(target, dout + 4L * i * n, target, width);
    }
  }
}
