package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;

/// What started collectives must do over any transport. A subclass per transport says how ranks are opened.
public abstract class HandlesConformance {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_260_211L);

  private static final WaitGuard GUARD = deadline(30_000);

  private static WaitGuard deadline(long millis) {
    return (peer, waitedNanos) -> {
      if (waitedNanos > TimeUnit.MILLISECONDS.toNanos(millis)) {
        throw new PeerLostException(peer, "rank " + peer + " was silent for " + millis + " ms");
      }
    };
  }

  /// How ranks are opened.
  protected abstract RankGroup ranks();

  /// World sizes of the random programs.
  protected int[] worldSizes() {
    return new int[] {1, 2, 3, 4, 5, 7};
  }

  /// Operations of a random program.
  protected int operations() {
    return 150;
  }

  private static Slices slices(Random random, int ranks, int chunk) {
    long[] lengths = new long[ranks];
    for (int rank = 0; rank < ranks; rank++) {
      lengths[rank] =
          switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> random.nextInt(20);
            case 2 -> chunk - 1 + random.nextInt(3);
            default -> random.nextInt(3 * chunk);
          };
    }
    return Slices.of(lengths);
  }

  /// All ranks play one random list: collectives of the world and of two axes, started or blocking as each rank likes, awaited in any order,
  /// and messages around the ring that wait at their receivers.
  private static void play(Transport transport, int operations, long seed) {
    int world = transport.worldSize();
    int rank = transport.rank();
    Collectives everybody = new Collectives(transport, GUARD);
    List<Collectives> groups = new ArrayList<>();
    groups.add(everybody);
    int columns = world % 2 == 0 && world > 2 ? 2 : world;
    groups.add(everybody.group(run(rank / columns * columns, 1, columns)));
    groups.add(everybody.group(run(rank % columns, columns, world / columns)));
    Random shared = new Random(seed);
    Random own = new Random(seed * 31 + rank);
    int chunk = transport.maxChunkBytes() / Float.BYTES;
    List<StartedCollective> started = new ArrayList<>();
    Deque<Long> unreceived = new ArrayDeque<>();
    try (Backend backend = new ReferenceBackend()) {
      CheckedCollectives checked = new CheckedCollectives(everybody, backend);
      for (int i = 0; i < operations; i++) {
        Collectives group = groups.get(shared.nextInt(groups.size()));
        StartedCollective.Kind[] kinds = StartedCollective.Kind.values();
        StartedCollective.Kind kind = kinds[shared.nextInt(kinds.length)];
        // Groups of one axis are equal in size, so all ranks draw alike.
        Slices slices = slices(shared, group.worldSize(), chunk);
        started.add(new StartedCollective(group, backend, kind, slices, seed + i));
        if (world > 1 && shared.nextInt(4) == 0) {
          long salt = seed + i;
          checked.send(DType.F32, 3L + salt % 5, (rank + 1) % world, salt);
          unreceived.add(salt);
        }
        if (!unreceived.isEmpty() && own.nextInt(4) == 0) {
          receive(checked, unreceived, rank, world);
        }
        everybody.progress();
        while (!started.isEmpty() && (started.size() > 12 || own.nextInt(3) == 0)) {
          started.remove(own.nextInt(started.size())).finish();
        }
      }
      while (!unreceived.isEmpty()) {
        receive(checked, unreceived, rank, world);
      }
      started.forEach(StartedCollective::finish);
      everybody.barrier();
    }
  }

  private static void receive(
      CheckedCollectives checked, Deque<Long> unreceived, int rank, int world) {
    long salt = unreceived.pop();
    checked.receive(DType.F32, 3L + salt % 5, (rank + world - 1) % world, salt);
  }

  private static int[] run(int first, int step, int count) {
    int[] ranks = new int[count];
    for (int i = 0; i < count; i++) {
      ranks[i] = first + i * step;
    }
    return ranks;
  }

  @Test
  void anyMixOfStartedOperationsAndMessagesHasTheResultsOfPlainLoops() throws Exception {
    for (int world : worldSizes()) {
      for (long seed = SEED; seed < SEED + 3; seed++) {
        long chosen = seed;
        try {
          ranks().run(world, transport -> play(transport, operations(), chosen));
        } catch (AssertionError e) {
          throw new AssertionError("seed " + chosen + ": " + e.getMessage(), e);
        }
      }
    }
  }

  private static void onTensor(Backend backend, long elements, ThrowingConsumer body)
      throws Exception {
    try (Tensor x = backend.allocate(DType.F32, Shape.of(elements), Category.COMMUNICATION)) {
      backend.fill(x, 1);
      body.accept(x);
    }
  }

  @FunctionalInterface
  private interface ThrowingConsumer {
    void accept(Tensor x) throws Exception;
  }

  /// Ranks 2 and 3 enter nothing before ranks 0 and 1 have finished what they do with each other, though those started a sum with them before.
  @Test
  void operationsOverOtherLinksDoNotWaitForEachOther() throws Exception {
    CountDownLatch done = new CountDownLatch(2);
    ranks()
        .run(
            4,
            transport -> {
              int rank = transport.rank();
              Collectives everybody = new Collectives(transport, GUARD);
              Collectives row = everybody.group(rank / 2 * 2, rank / 2 * 2 + 1);
              Collectives column = everybody.group(rank % 2, rank % 2 + 2);
              CollectiveHandle handle = new CollectiveHandle();
              try (Backend backend = new ReferenceBackend()) {
                onTensor(
                    backend,
                    100_000,
                    x ->
                        onTensor(
                            backend,
                            1000,
                            y -> {
                              if (rank >= 2) {
                                assertTrue(done.await(30, TimeUnit.SECONDS), "a row waited");
                              }
                              column.startAllReduceSum(x, handle);
                              row.allReduceSum(y);
                              done.countDown();
                              handle.await();
                              assertEquals(2f, x.segment().get(JAVA_FLOAT, 0));
                              assertEquals(2f, y.segment().get(JAVA_FLOAT, 0));
                            }));
              }
              everybody.barrier();
            });
  }

  /// Messages behind the chunks of a started sum on the same link, larger than any buffer; then some that go around before the last rank enters.
  @Test
  void messagesAndStartedSumsDoNotLockUp() throws Exception {
    ranks()
        .run(
            3,
            transport -> {
              int rank = transport.rank();
              Collectives everybody = new Collectives(transport, GUARD);
              Collectives zeroAndTwo = rank == 1 ? everybody.group(1) : everybody.group(0, 2);
              CollectiveHandle handle = new CollectiveHandle();
              // Several times what is under way on a link, at most 2 MiB with Aeron.
              long elements = transport.maxChunkBytes() < 1_024 ? 10_000 : 1 << 20;
              try (Backend backend = new ReferenceBackend()) {
                onTensor(
                    backend,
                    elements,
                    x ->
                        onTensor(
                            backend,
                            elements,
                            y -> {
                              everybody.startAllReduceSum(x, handle);
                              everybody.send(y, (rank + 1) % 3);
                              everybody.receive(y, (rank + 2) % 3);
                              handle.await();
                              assertEquals(3f, x.segment().getAtIndex(JAVA_FLOAT, elements - 1));
                              // Rank 2 enters the sum only after a message that goes back to rank
                              // 0's start.
                              if (rank > 0) {
                                everybody.receive(y, rank - 1);
                              }
                              zeroAndTwo.startAllReduceSum(x, handle);
                              if (rank < 2) {
                                everybody.send(y, rank + 1);
                              }
                              handle.await();
                              assertEquals(rank == 1 ? 3f : 6f, x.segment().get(JAVA_FLOAT, 0));
                            }));
              }
              everybody.barrier();
            });
  }

  /// Asking alone gets there: nobody has to wait.
  @Test
  void askingMakesProgress() throws Exception {
    ranks()
        .run(
            2,
            transport -> {
              Collectives everybody = new Collectives(transport, GUARD);
              try (Backend backend = new ReferenceBackend()) {
                CollectiveHandle handle = new CollectiveHandle();
                assertFalse(handle.isDone());
                onTensor(
                    backend,
                    20_000,
                    x -> {
                      everybody.startAllReduceSum(x, handle);
                      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                      while (!handle.isDone()) {
                        assertTrue(System.nanoTime() < deadline, "asking does not get there");
                        Thread.sleep(0, 100_000);
                      }
                      handle.await();
                      assertEquals(2f, x.segment().getAtIndex(JAVA_FLOAT, 19_999));
                    });
              }
              everybody.barrier();
            });
  }

  @Test
  void errorsSurfaceWhereTheyAreAwaited() throws Exception {
    CountDownLatch noticed = new CountDownLatch(1);
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives everybody = new Collectives(transport, deadline(300));
                  everybody.barrier();
                  if (transport.rank() == 1) {
                    assertTrue(noticed.await(30, TimeUnit.SECONDS));
                    return;
                  }
                  try (Backend backend = new ReferenceBackend()) {
                    onTensor(
                        backend,
                        100,
                        x -> onTensor(backend, 100, y -> requireErrors(everybody, x, y)));
                  } finally {
                    noticed.countDown();
                  }
                });
    assertEquals(null, failures.get(0), () -> failures.get(0).toString());
    assertEquals(null, failures.get(1));
  }

  /// Rank 1 enters nothing: the guard ends the first wait, and with it all that is under way.
  private static void requireErrors(Collectives everybody, Tensor x, Tensor y) {
    CollectiveHandle first = new CollectiveHandle();
    CollectiveHandle second = new CollectiveHandle();
    assertThrows(IllegalStateException.class, first::await);
    everybody.startAllReduceSum(x, first);
    everybody.startAllReduceSum(y, second);
    String busy =
        assertThrows(IllegalStateException.class, () -> everybody.startAllReduceSum(x, first))
            .getMessage();
    assertTrue(busy.contains("under way"), busy);
    assertFalse(second.isDone());
    PeerLostException silent = assertThrows(PeerLostException.class, second::await);
    assertEquals(1, silent.peer());
    assertTrue(first.isDone() && second.isDone());
    assertEquals(silent, assertThrows(PeerLostException.class, first::await));
    assertEquals(silent, assertThrows(PeerLostException.class, everybody::barrier));
  }

  @Test
  void aPeerThatLeavesIsNamedByTheHandle() throws Exception {
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives everybody = new Collectives(transport, GUARD);
                  everybody.barrier();
                  if (transport.rank() == 1) {
                    return;
                  }
                  try (Backend backend = new ReferenceBackend()) {
                    onTensor(
                        backend,
                        1000,
                        x -> {
                          CollectiveHandle handle = new CollectiveHandle();
                          everybody.startAllReduceSum(x, handle);
                          long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
                          while (!handle.isDone() && System.nanoTime() < deadline) {
                            Thread.sleep(1);
                          }
                          handle.await();
                        });
                  }
                });
    PeerLostException lost = assertInstanceOf(PeerLostException.class, failures.get(0));
    assertEquals(1, lost.peer());
    assertTrue(lost.getMessage().contains("all-reduce"), lost.getMessage());
  }

  /// The quietest of some windows counts, as for the blocking operations ([CollectivesConformance]).
  @Test
  void nothingIsAllocatedPerStart() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    AtomicLongArray allocated = new AtomicLongArray(2);
    ranks()
        .run(
            2,
            transport -> {
              try (Backend backend = new ReferenceBackend()) {
                onTensor(
                    backend,
                    9L * (transport.maxChunkBytes() / 2 + 6),
                    x -> {
                      Steady steady = new Steady(new Collectives(transport, GUARD), x);
                      for (int i = 0; i < 60; i++) {
                        steady.round();
                      }
                      long least = Long.MAX_VALUE;
                      for (int window = 0; window < 6; window++) {
                        long before = threads.getCurrentThreadAllocatedBytes();
                        steady.round();
                        steady.round();
                        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
                      }
                      allocated.set(transport.rank(), least);
                    });
              }
            });
    assertEquals(0, allocated.get(0), "bytes that rank 0 made");
    assertEquals(0, allocated.get(1), "bytes that rank 1 made");
  }

  /// Eight buckets and a reduce-scatter with its all-gather under way at a time.
  private static final class Steady {
    private static final int BUCKETS = 8;

    private final Collectives collectives;
    private final BatchTree tree = new BatchTree(8, 2);
    private final List<List<Tensor>> buckets = new ArrayList<>();
    private final List<CollectiveHandle> handles = new ArrayList<>();
    private final Slices slices;
    private final Tensor rest;
    private final Tensor own;

    Steady(Collectives collectives, Tensor x) {
      this.collectives = collectives;
      long part = x.elements() / (BUCKETS + 1);
      for (int i = 0; i < BUCKETS; i++) {
        buckets.add(List.of(x.slice(i * part, part)));
      }
      for (int i = 0; i < BUCKETS + 2; i++) {
        handles.add(new CollectiveHandle());
      }
      this.slices = Slices.even(part, 2);
      this.rest = x.slice(BUCKETS * part, part);
      this.own = rest.slice(slices.start(collectives.rank()), slices.length(collectives.rank()));
    }

    void round() {
      for (int i = 0; i < BUCKETS; i++) {
        collectives.startTreeAllReduce(
            tree, buckets.get(i), buckets.get(i).getFirst(), handles.get(i));
        collectives.progress();
      }
      collectives.startReduceScatter(rest, slices, own, handles.get(BUCKETS));
      collectives.startAllGather(own, slices, rest, handles.get(BUCKETS + 1));
      for (int i = 0; i < handles.size(); i++) {
        handles.get(i).await();
      }
    }
  }
}
