package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.sun.management.ThreadMXBean;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/// What the collectives, groups and messages must do over any transport: every result is compared with plain loops over all ranks' data.
/// A subclass per transport says how ranks are opened.
public abstract class CollectivesConformance {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_260_105L);
  private static final DType[] TYPES = {DType.F32, DType.BF16, DType.I32};

  private static final WaitGuard GUARD =
      (peer, waitedNanos) -> {
        if (waitedNanos > TimeUnit.SECONDS.toNanos(30)) {
          throw new PeerLostException(peer, "rank " + peer + " was silent for 30 s");
        }
      };

  /// How ranks are opened.
  protected abstract RankGroup ranks();

  /// World sizes for most tests.
  protected int[] worldSizes() {
    return new int[] {1, 2, 3, 5, 7};
  }

  /// World sizes for the random programs.
  protected int[] mixedWorldSizes() {
    return worldSizes();
  }

  /// Whether opening ranks is so cheap that each pair of operations can have its own.
  protected boolean isThorough() {
    return true;
  }

  /// Bytes of garbage that a rank of `world` may make in 15 rounds of all operations.
  protected long allowedGarbage(int world) {
    return 0;
  }

  /// Whether the network is so bad that megabytes take seconds.
  protected boolean isLossy() {
    return false;
  }

  @FunctionalInterface
  private interface Part {
    void run(CheckedCollectives collectives, int chunkBytes);
  }

  private void onEachWorld(Part part) throws Exception {
    for (int world : worldSizes()) {
      ranks()
          .run(
              world,
              transport -> {
                try (Backend backend = new ReferenceBackend()) {
                  Collectives collectives = new Collectives(transport, GUARD);
                  part.run(new CheckedCollectives(collectives, backend), transport.maxChunkBytes());
                  collectives.barrier();
                }
              });
    }
  }

  /// Nothing, little, the border of a chunk and more than one, in elements.
  private static long[] lengths(int chunkBytes, DType dtype) {
    long chunk = chunkBytes / dtype.bytes();
    return new long[] {0, 1, 13, chunk - 1, chunk, chunk + 1, 3 * chunk + 5};
  }

  /// Uneven slices that pass each length by each rank, all slices empty, and all but the last.
  private static List<Slices> slices(int world, long[] lengths) {
    List<Slices> all = new ArrayList<>();
    for (int shift = 0; shift < lengths.length; shift++) {
      long[] chosen = new long[world];
      for (int rank = 0; rank < world; rank++) {
        chosen[rank] = lengths[(shift + 2 * rank) % lengths.length];
      }
      all.add(Slices.of(chosen));
    }
    all.add(Slices.even(0, world));
    all.add(Slices.even(lengths[5] + world / 2, world));
    long[] last = new long[world];
    last[world - 1] = lengths[6];
    all.add(Slices.of(last));
    return all;
  }

  @Test
  void reduceScatterHasTheBitsOfAllReduce() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          long salt = SEED;
          int world = checked.collectives().worldSize();
          for (Slices slices : slices(world, lengths(chunkBytes, DType.F32))) {
            checked.reduceScatter(slices, salt++);
          }
        });
  }

  @Test
  void treeReduceScatterHasTheBitsOfTheTree() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          int world = checked.collectives().worldSize();
          List<Slices> all = slices(world, lengths(chunkBytes, DType.F32));
          checked.treeReduceScatter(all.get(1), SEED);
          checked.treeReduceScatter(all.get(all.size() - 2), SEED + 1);
        });
  }

  @Test
  void allGatherGivesEveryRankAllSlices() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          long salt = SEED;
          for (DType dtype : TYPES) {
            int world = checked.collectives().worldSize();
            for (Slices slices : slices(world, lengths(chunkBytes, dtype))) {
              checked.allGather(dtype, slices, salt++);
            }
          }
        });
  }

  @Test
  void allToAllDeliversEveryPart() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          int world = checked.collectives().worldSize();
          for (DType dtype : TYPES) {
            long[] lengths = lengths(chunkBytes, dtype);
            for (int shift = 0; shift < lengths.length; shift++) {
              long[][] matrix = new long[world][world];
              for (int from = 0; from < world; from++) {
                for (int to = 0; to < world; to++) {
                  matrix[from][to] = lengths[(shift + 2 * from + 3 * to) % lengths.length];
                }
              }
              checked.allToAll(dtype, matrix, SEED + shift);
            }
            checked.allToAll(dtype, new long[world][world], SEED);
          }
        });
  }

  /// Everybody sends everything first: without a receiver that takes messages in while it sends, full buffers would stop all of them.
  @Test
  void messagesArriveInOrderThoughEverybodySendsFirst() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          int world = checked.collectives().worldSize();
          int rank = checked.collectives().rank();
          for (DType dtype : TYPES) {
            long[] lengths = lengths(chunkBytes, dtype);
            for (int step = 1; step < world; step++) {
              int peer = (rank + step) % world;
              for (int i = 0; i < lengths.length; i++) {
                checked.send(dtype, lengths[(i + peer) % lengths.length], peer, SEED + i);
              }
            }
            checked.allReduce(13, SEED);
            for (int step = 1; step < world; step++) {
              int peer = (rank + step) % world;
              for (int i = 0; i < lengths.length; i++) {
                checked.receive(dtype, lengths[(i + rank) % lengths.length], peer, SEED + i);
              }
            }
          }
        });
  }

  /// More than any buffer holds, both ways at once and around the ring.
  @Test
  void largeMessagesCrossWithoutLockingUp() throws Exception {
    onEachWorld(
        (checked, chunkBytes) -> {
          int world = checked.collectives().worldSize();
          int rank = checked.collectives().rank();
          long elements = (isThorough() ? 100L * chunkBytes : 6 << 20) / 4 + 3;
          for (int step = 1; step < Math.min(world, 3); step++) {
            checked.send(DType.F32, elements, (rank + step) % world, SEED);
            checked.receive(DType.F32, elements, (rank + world - step) % world, SEED);
          }
        });
  }

  @Test
  void operationsOfManyGroupsAndMessagesMix() throws Exception {
    for (int world : mixedWorldSizes()) {
      for (long seed = SEED; seed < SEED + (isThorough() ? 5 : 2); seed++) {
        long chosen = seed;
        try {
          ranks()
              .run(
                  world,
                  transport -> {
                    try (Backend backend = new ReferenceBackend()) {
                      long[] lengths = lengths(transport.maxChunkBytes(), DType.F32);
                      new MixedProgram(world, lengths, 150, chosen)
                          .run(new Collectives(transport, GUARD), backend);
                    }
                  });
        } catch (AssertionError e) {
          throw new AssertionError("seed " + chosen + ": " + e.getMessage(), e);
        }
      }
    }
  }

  /// One operation on small tensors, by its name in error messages. `peer` is the other of two ranks, `elements` the size where it matters.
  @FunctionalInterface
  private interface Operation {
    void run(Collectives collectives, Backend backend, int peer, long elements);
  }

  private static Map<String, Operation> operations() {
    Map<String, Operation> all = new LinkedHashMap<>();
    all.put("a barrier", (group, backend, peer, n) -> group.barrier());
    all.put("an exchange of records", (group, backend, peer, n) -> group.allGather(new double[3]));
    all.put("an all-reduce", (group, backend, peer, n) -> with(backend, n, group::allReduceSum));
    all.put(
        "a reduce-scatter",
        (group, backend, peer, n) ->
            with(
                backend,
                n,
                in -> {
                  Slices slices = Slices.even(n, group.worldSize());
                  long own = slices.length(group.rank());
                  with(backend, own, out -> group.reduceScatter(in, slices, out));
                }));
    all.put(
        "an all-gather",
        (group, backend, peer, n) ->
            with(
                backend,
                n,
                x -> {
                  Slices slices = Slices.even(n, group.worldSize());
                  int rank = group.rank();
                  group.allGather(x.slice(slices.start(rank), slices.length(rank)), slices, x);
                }));
    all.put(
        "an all-to-all",
        (group, backend, peer, n) ->
            with(
                backend,
                n * group.worldSize(),
                in ->
                    with(
                        backend,
                        in.elements(),
                        out -> {
                          Slices slices = Slices.even(in.elements(), group.worldSize());
                          group.allToAll(in, slices, out, slices);
                        })));
    all.put("message", (group, backend, peer, n) -> with(backend, n, x -> group.receive(x, peer)));
    return all;
  }

  private static void with(Backend backend, long elements, Consumer<Tensor> body) {
    try (Tensor x = backend.allocate(DType.F32, Shape.of(elements), Category.COMMUNICATION)) {
      backend.fill(x, 1);
      body.accept(x);
    }
  }

  @Test
  void aRankThatEntersAnotherOperationIsNamed() throws Exception {
    List<String> names = new ArrayList<>(operations().keySet());
    for (int first = 0; first < names.size(); first++) {
      for (int second = first + 1; second < names.size(); second++) {
        if (isThorough() || first + second == 6 && first > 0) {
          requireNamed(names.get(first), names.get(second), false);
        }
      }
    }
    // The same operation, but of different groups.
    requireNamed("a barrier", "a barrier", true);
  }

  /// Rank 0 enters `first`, rank 1 `second`, if `inGroup` in a group that rank 0 has not made.
  private void requireNamed(String first, String second, boolean inGroup) throws Exception {
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives everybody = new Collectives(transport, GUARD);
                  everybody.barrier();
                  int rank = transport.rank();
                  Collectives group = inGroup && rank == 1 ? everybody.group(1, 0) : everybody;
                  try (Backend backend = new ReferenceBackend()) {
                    operations().get(rank == 0 ? first : second).run(group, backend, 1 - rank, 100);
                  }
                });
    List<String> messages = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      if (failures.get(rank) instanceof IllegalStateException e) {
        messages.add(e.getMessage());
        assertTrue(e.getMessage().contains("rank " + (1 - rank)), e.getMessage());
        assertTrue(e.getMessage().contains(first), e.getMessage());
        assertTrue(e.getMessage().contains(second), e.getMessage());
      }
    }
    assertFalse(messages.isEmpty(), first + " and " + second + ", nobody noticed: " + failures);
  }

  @Test
  void groupsOfOtherRanksAndMessagesOfOtherSizesAreNamed() throws Exception {
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport ->
                    new Collectives(transport, GUARD)
                        .group(transport.rank(), 1 - transport.rank())
                        .barrier());
    long named =
        failures.stream()
            .filter(IllegalStateException.class::isInstance)
            .filter(e -> e.getMessage().contains("a group of other ranks"))
            .count();
    assertTrue(named > 0, failures.toString());

    failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives collectives = new Collectives(transport, GUARD);
                  try (Backend backend = new ReferenceBackend()) {
                    if (transport.rank() == 0) {
                      with(backend, 5, x -> collectives.send(x, 1));
                      with(backend, 10, x -> collectives.send(x, 1));
                    } else {
                      with(backend, 5, x -> collectives.receive(x, 0));
                      with(backend, 11, x -> collectives.receive(x, 0));
                    }
                  }
                });
    assertEquals(null, failures.get(0));
    String message = assertInstanceOf(IllegalStateException.class, failures.get(1)).getMessage();
    assertTrue(message.contains("rank 0") && message.contains("message 2"), message);
    assertTrue(message.contains("40 bytes") && message.contains("44 bytes"), message);
  }

  @Test
  void aLostPeerEndsEveryWait() throws Exception {
    Map<String, Operation> waits = operations();
    waits.put(
        "a sent message",
        (group, backend, peer, n) -> with(backend, 8 << 20, x -> group.send(x, peer)));
    if (!isThorough()) {
      waits.keySet().retainAll(List.of("an all-to-all", "message", "a sent message"));
    }
    for (Map.Entry<String, Operation> wait : waits.entrySet()) {
      requireLost(wait.getKey(), wait.getValue());
    }
  }

  /// Rank 1 of three, rank 0 of the group, leaves; the others must be told the world's number of it.
  private void requireLost(String name, Operation operation) throws Exception {
    CountDownLatch noticed = new CountDownLatch(2);
    List<Throwable> failures =
        ranks()
            .outcomes(
                3,
                transport -> {
                  Collectives everybody = new Collectives(transport, GUARD);
                  Collectives group = everybody.group(1, 2, 0);
                  group.barrier();
                  if (transport.rank() == 1) {
                    return;
                  }
                  try (Backend backend = new ReferenceBackend()) {
                    operation.run(group, backend, 0, 100_000);
                  } finally {
                    // Do not leave before the other has noticed the first loss.
                    noticed.countDown();
                    noticed.await(10, TimeUnit.SECONDS);
                  }
                });
    assertEquals(null, failures.get(1));
    for (int rank = 0; rank < 3; rank += 2) {
      PeerLostException lost =
          assertInstanceOf(PeerLostException.class, failures.get(rank), name + ", rank " + rank);
      assertEquals(1, lost.peer(), lost.getMessage());
      assertTrue(lost.getMessage().contains("rank 1"), lost.getMessage());
    }
  }

  @Test
  void refusesWhatDoesNotFit() throws Exception {
    ranks()
        .run(
            2,
            transport -> {
              Collectives group = new Collectives(transport, GUARD);
              int peer = 1 - transport.rank();
              try (Backend backend = new ReferenceBackend()) {
                with(
                    backend,
                    8,
                    x -> {
                      Slices half = Slices.even(8, 2);
                      refuses("3 ranks", () -> group.allGather(x, Slices.even(8, 3), x));
                      refuses("4 elements", () -> group.reduceScatter(x, half, x));
                      refuses("4 elements", () -> group.allGather(x, half, x));
                      refuses("16 elements", () -> group.allToAll(x, half, x, Slices.of(8, 8)));
                      refuses("F32", () -> group.allReduceSum(integers(x)));
                      refuses("dtype", () -> group.allGather(x.slice(0, 4), half, integers(x)));
                      refuses("cannot send", () -> group.send(x, transport.rank()));
                      refuses("rank 2", () -> group.receive(x, 2));
                      refuses("is not in the group", () -> group.group(peer));
                      refuses("each once", () -> group.group(0, 1, 0));
                      refuses("rank 2", () -> group.group(0, 1, 2));
                      group.allReduceSum(x);
                      assertEquals(2f, x.segment().get(JAVA_FLOAT, 0));
                    });
              }
              group.barrier();
            });
  }

  private static Tensor integers(Tensor x) {
    return new Tensor(DType.I32, x.shape(), x.storage(), x.byteOffset());
  }

  private static void refuses(String words, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.contains(words), message);
  }

  /// Now and then a thread is charged a few hundred bytes once, at no operation in particular (seen, not explained; perhaps recompilation), so
  /// the quietest of some windows counts; what a call allocates is in each of them.
  @Test
  void nothingIsAllocatedPerCall() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    assumeFalse(isLossy(), "what a call allocates does not depend on the network");
    for (int world : new int[] {2, 3}) {
      AtomicLongArray allocated = new AtomicLongArray(world);
      ranks()
          .run(
              world,
              transport -> {
                try (Backend backend = new ReferenceBackend()) {
                  Rounds steady = new Rounds(new Collectives(transport, GUARD), backend, transport);
                  steady.warmUp(backend);
                  long least = Long.MAX_VALUE;
                  for (int window = 0; window < 6; window++) {
                    long before = threads.getCurrentThreadAllocatedBytes();
                    for (int round = 0; round < 15; round++) {
                      steady.round();
                    }
                    least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
                  }
                  allocated.set(transport.rank(), least);
                  // The control: an operation that does allocate is seen to.
                  long before = threads.getCurrentThreadAllocatedBytes();
                  steady.records();
                  assertTrue(threads.getCurrentThreadAllocatedBytes() - before > 40);
                  steady.close();
                }
              });
      for (int rank = 0; rank < world; rank++) {
        assertTrue(
            allocated.get(rank) <= allowedGarbage(world),
            "rank " + rank + " of " + world + " made " + allocated.get(rank) + " bytes of garbage");
      }
    }
  }

  /// One call of each operation per round, on tensors of a chunk and a bit per rank.
  private static final class Rounds implements AutoCloseable {
    private static final int WARM_UP = 50;

    private final Collectives world;
    private final Collectives group;
    private final Slices slices;
    private final Tensor whole;
    private final Tensor other;
    private final Tensor own;
    private final int next;
    private final int previous;

    Rounds(Collectives world, Backend backend, Transport transport) {
      this.world = world;
      int size = world.worldSize();
      int[] backwards = IntStream.range(0, size).map(rank -> size - 1 - rank).toArray();
      this.group = world.group(backwards);
      this.slices = Slices.even((long) size * (transport.maxChunkBytes() / 4 + 3), size);
      Shape shape = Shape.of(slices.total());
      this.whole = backend.allocate(DType.F32, shape, Category.COMMUNICATION);
      this.other = backend.allocate(DType.F32, shape, Category.COMMUNICATION);
      this.own = whole.slice(slices.start(world.rank()), slices.length(world.rank()));
      this.next = (world.rank() + 1) % size;
      this.previous = (world.rank() + size - 1) % size;
      backend.fill(whole, 0);
    }

    void warmUp(Backend backend) {
      // Each buffer of each link is seen once.
      with(
          backend,
          (16 << 20) / Float.BYTES,
          large -> {
            for (int root = 0; root < world.worldSize(); root++) {
              world.broadcast(large, root);
            }
          });
      for (int round = 0; round < WARM_UP; round++) {
        round();
        // As many parked messages as there can ever be.
        world.send(whole, next);
        world.send(whole, next);
        world.barrier();
        world.receive(other, previous);
        world.receive(other, previous);
      }
    }

    void round() {
      world.allReduceSum(whole);
      world.reduceScatter(whole, slices, own);
      world.allGather(own, slices, whole);
      world.allToAll(whole, slices, other, slices);
      world.broadcast(whole, 0);
      world.send(whole, next);
      world.receive(other, previous);
      group.allReduceSum(whole);
      group.barrier();
      world.barrier();
    }

    void records() {
      world.allGather(new double[] {1});
    }

    @Override
    public void close() {
      whole.close();
      other.close();
    }
  }
}
