package dev.bellows.parallelism.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CollectiveTensorGroupTest {
  private static final int WIDTH = 3;

  private static Tensor tensor(Backend backend, DType dtype, long rows) {
    return backend.allocate(dtype, Shape.of(rows, WIDTH), Category.ACTIVATION);
  }

  /// Rows that come out even, that do not, and fewer than ranks.
  @ParameterizedTest
  @CsvSource({"1,5", "2,8", "3,7", "4,3", "4,0", "5,1300"})
  void rowsAndSums(int size, int rows) throws Exception {
    SplitRun.ranks()
        .run(
            size,
            transport -> {
              CollectiveTensorGroup group =
                  new CollectiveTensorGroup(SplitRun.collectives(transport), true);
              try (Backend backend = new ReferenceBackend()) {
                assertEquals(rows, group.firstRow(rows, size));
                for (int round = 0; round < 2; round++) {
                  gather(backend, group, rows);
                  sum(backend, group, rows);
                }
                double[][] all = group.gather(new double[] {group.rank(), 0.5});
                for (int rank = 0; rank < size; rank++) {
                  assertEquals(rank, all[rank][0]);
                }
              }
            });
  }

  private static void gather(Backend backend, CollectiveTensorGroup group, int rows) {
    long first = group.firstRow(rows, group.rank());
    for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
      try (Tensor mine = tensor(backend, dtype, group.ownRows(rows));
          Tensor expected = tensor(backend, dtype, rows);
          Tensor all = tensor(backend, dtype, rows)) {
        for (long i = 0; i < expected.bytes(); i++) {
          expected.segment().set(ValueLayout.JAVA_BYTE, i, (byte) (i * 37));
        }
        Tensor own = expected.slice(first * WIDTH, group.ownRows(rows), WIDTH);
        mine.segment().copyFrom(own.segment());
        group.gatherRows(mine, all);
        assertEquals(-1, all.segment().mismatch(expected.segment()), dtype + " of " + rows);
        // In place.
        Tensor place = all.slice(first * WIDTH, group.ownRows(rows), WIDTH);
        group.gatherRows(place, all);
        assertEquals(-1, all.segment().mismatch(expected.segment()), dtype + " in place");
      }
    }
  }

  private static void sum(Backend backend, CollectiveTensorGroup group, int rows) {
    try (Tensor all = tensor(backend, DType.F32, rows);
        Tensor mine = tensor(backend, DType.F32, group.ownRows(rows));
        Tensor whole = tensor(backend, DType.F32, rows)) {
      for (long i = 0; i < all.elements(); i++) {
        all.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, term(group.rank(), i));
        whole.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, term(group.rank(), i));
      }
      group.sum(whole);
      group.scatterRows(all, mine);
      long start = group.firstRow(rows, group.rank()) * WIDTH;
      for (long i = 0; i < whole.elements(); i++) {
        float expected = term(0, i);
        for (int rank = 1; rank < group.size(); rank++) {
          expected += term(rank, i);
        }
        assertEquals(expected, whole.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i));
        if (i >= start && i < start + mine.elements()) {
          assertEquals(expected, mine.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i - start));
        }
      }
    }
  }

  private static float term(int rank, long i) {
    return (float) Math.sin(1 + rank * 1000.0 + i);
  }
}
