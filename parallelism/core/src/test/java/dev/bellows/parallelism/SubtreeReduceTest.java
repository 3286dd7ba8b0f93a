package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SubtreeReduceTest {
  private static final int ELEMENTS = 3_001;
  private static final long SEED = 7;

  private final InProcessTransportProvider provider = new InProcessTransportProvider(4_096, 4);

  private static float[] term(int rank) {
    Random random = new Random(SEED + rank);
    float[] term = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      term[i] = (float) random.nextGaussian();
    }
    return term;
  }

  private static float tree(int first, int count, int element) {
    return count == 1
        ? term(first)[element]
        : tree(first, count / 2, element) + tree(first + count / 2, count / 2, element);
  }

  private void run(int world, int first, int count) throws Exception {
    Slices slices = Slices.even(ELEMENTS, world);
    new RankGroup(rank -> provider, rank -> "here", "auto", 8_192)
        .run(
            world,
            transport -> {
              int rank = transport.rank();
              Collectives collectives = new Collectives(transport, (peer, waited) -> {});
              SubtreeReduce reduce = new SubtreeReduce(collectives);
              boolean takesPart = rank >= first && rank < first + count;
              try (Backend backend = new ReferenceBackend();
                  Tensor term = tensor(backend, ELEMENTS);
                  Tensor out = tensor(backend, slices.length(rank))) {
                backend.upload(MemorySegment.ofArray(term(rank)), term);
                reduce.run(
                    first, count, takesPart ? Optional.of(term) : Optional.empty(), slices, out);
                for (int i = 0; i < out.elements(); i += 97) {
                  assertEquals(
                      tree(first, count, (int) slices.start(rank) + i),
                      out.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i),
                      "rank " + rank + " of " + world + ", element " + i + ", seed " + SEED);
                }
                assertThrows(
                    IllegalArgumentException.class,
                    () ->
                        reduce.run(
                            first,
                            count,
                            takesPart ? Optional.empty() : Optional.of(term),
                            slices,
                            out));
              }
            });
  }

  private static Tensor tensor(Backend backend, long elements) {
    return backend.allocate(DType.F32, Shape.of(elements), Category.WORKSPACE);
  }

  @Test
  void someRanksAreSummedInTreeOrder() throws Exception {
    run(1, 0, 1);
    run(4, 0, 4);
    run(5, 0, 4);
    run(5, 4, 1);
    run(6, 1, 2);
    run(3, 2, 1);
  }
}
