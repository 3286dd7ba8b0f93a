package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;

/// Ranks that share hosts add up inside them first: fewer bytes between the hosts, the same bits.
class HostsFirstTest {
  private static final int GROUPS = 8;
  private static final int ELEMENTS = 20_003;
  private static final long SALT = 20_260_312L;

  /// Counts the bytes that leave their host.
  private record Counting(Transport inner, LongAdder crossing) implements Transport {
    @Override
    public int rank() {
      return inner.rank();
    }

    @Override
    public int worldSize() {
      return inner.worldSize();
    }

    @Override
    public int maxChunkBytes() {
      return inner.maxChunkBytes();
    }

    @Override
    public boolean offer(int peer, Chunk chunk) {
      boolean taken = inner.offer(peer, chunk);
      if (taken && !host(peer).equals(host(rank()))) {
        crossing.add(chunk.length());
      }
      return taken;
    }

    @Override
    public int poll(int peer, ChunkHandler handler, int limit) {
      return inner.poll(peer, handler, limit);
    }

    @Override
    public String describe(int peer) {
      return inner.describe(peer);
    }

    @Override
    public String host(int peer) {
      return inner.host(peer);
    }

    @Override
    public boolean isLost(int peer) {
      return inner.isLost(peer);
    }

    @Override
    public long strangers() {
      return inner.strangers();
    }

    @Override
    public void close() {
      inner.close();
    }
  }

  /// Bytes between hosts of one tree all-reduce, started twice to see used buffers too; checks every element.
  private static long crossing(int world, int perHost) throws Exception {
    InProcessTransportProvider provider = new InProcessTransportProvider(1_024, 4);
    LongAdder crossing = new LongAdder();
    new RankGroup(rank -> provider, rank -> "host-" + rank / perHost, "auto", 1_408)
        .run(
            world,
            transport -> {
              Collectives collectives =
                  new Collectives(new Counting(transport, crossing), (peer, waited) -> {});
              BatchTree tree = new BatchTree(GROUPS, world);
              try (Backend backend = new ReferenceBackend()) {
                CollectiveHandle first = new CollectiveHandle();
                CollectiveHandle second = new CollectiveHandle();
                List<Tensor> a = terms(backend, tree, transport.rank(), SALT);
                List<Tensor> b = terms(backend, tree, transport.rank(), SALT + 1);
                collectives.startTreeAllReduce(tree, a, a.getLast(), first);
                collectives.startTreeAllReduce(tree, b, b.getLast(), second);
                second.await();
                first.await();
                requireSum(a.getLast(), SALT);
                requireSum(b.getLast(), SALT + 1);
                a.forEach(Tensor::release);
                b.forEach(Tensor::release);
              }
              collectives.barrier();
            });
    return crossing.sum() / 2;
  }

  private static List<Tensor> terms(Backend backend, BatchTree tree, int rank, long salt) {
    List<Tensor> terms = new ArrayList<>();
    for (BatchTree.Term term : tree.terms(rank)) {
      Tensor x = backend.allocate(DType.F32, Shape.of(ELEMENTS), Category.GRADIENT);
      for (long i = 0; i < ELEMENTS; i++) {
        float sum = CheckedCollectives.treeSum(salt, term.firstGroup(), term.groups(), i);
        x.segment().setAtIndex(JAVA_FLOAT, i, sum);
      }
      terms.add(x);
    }
    return terms;
  }

  private static void requireSum(Tensor x, long salt) {
    for (long i = 0; i < ELEMENTS; i++) {
      float expected = CheckedCollectives.treeSum(salt, 0, GROUPS, i);
      float actual = x.segment().getAtIndex(JAVA_FLOAT, i);
      if (Float.floatToRawIntBits(expected) != Float.floatToRawIntBits(actual)) {
        throw new AssertionError("element " + i + " is " + actual + " instead of " + expected);
      }
    }
  }

  @Test
  void eachByteLeavesAHostOnceAndTheBitsStay() throws Exception {
    long bytes = ELEMENTS * 4L;
    // Each host sends its sum of all but its own part, and its part of the whole to all others.
    assertEquals(2 * bytes, crossing(4, 2));
    assertEquals(2 * bytes, crossing(8, 4));
    assertEquals(6 * bytes, crossing(8, 2));
    assertEquals(4 * bytes, crossing(6, 2));
  }

  @Test
  void unalignedHostsAddUpDirectlyWithTheSameBits() throws Exception {
    long bytes = ELEMENTS * 4L;
    // Three ranks on each of two hosts, one term each but for the first two's halves: every term
    // and every sum crosses to all three.
    assertEquals(2 * 3 * bytes, crossing(6, 3));
    assertEquals(0, crossing(4, 4));
    assertEquals(2 * 3 * bytes, crossing(4, 1));
  }
}
