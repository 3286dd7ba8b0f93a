package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/// What every transport, and the collectives over it, must do. A subclass per transport says how ranks are opened.
public abstract class TransportConformance {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_260_101L);

  /// Generous, because the test machine is shared; a lost peer is noticed much earlier.
  private static final WaitGuard GUARD =
      (peer, waitedNanos) -> {
        if (waitedNanos > TimeUnit.SECONDS.toNanos(30)) {
          throw new PeerLostException(peer, "rank " + peer + " was silent for 30 s");
        }
      };

  /// How ranks are opened.
  protected abstract RankGroup ranks();

  /// World sizes for the test of the tree.
  protected int[] worldSizes() {
    return new int[] {1, 2, 3, 4, 5, 7};
  }

  /// World sizes for all other tests.
  protected int[] fewWorldSizes() {
    return worldSizes();
  }

  /// Elements of the largest tensor.
  protected int largeElements() {
    return 1_000_003;
  }

  private void onEachWorld(RankGroup.Body body) throws Exception {
    for (int world : fewWorldSizes()) {
      ranks().run(world, body);
    }
  }

  private static Backend host() {
    return new ReferenceBackend();
  }

  @Test
  void deliversInOrderOnceAndComplete() throws Exception {
    onEachWorld(
        transport -> {
          int messages = 300;
          int world = transport.worldSize();
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(transport.maxChunkBytes(), 64);
            int[] sent = new int[world];
            int[] received = new int[world];
            long total = 2L * messages * (world - 1);
            long done = 0;
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (done < total) {
              assertTrue(System.nanoTime() < deadline, "stuck at " + done + " of " + total);
              long before = done;
              for (int i = 1; i < world; i++) {
                int peer = (transport.rank() + i) % world;
                if (sent[peer] < messages) {
                  MemorySegment payload =
                      buffer.asSlice(0, size(sent[peer], transport.maxChunkBytes()));
                  payload.fill((byte) (sent[peer] + transport.rank()));
                  if (transport.offer(
                      peer, chunk(sent[peer], transport.rank(), sent[peer] * 3L, payload))) {
                    sent[peer]++;
                    done++;
                  }
                }
                done +=
                    transport.poll(
                        peer,
                        chunk -> {
                          int n = received[peer]++;
                          assertEquals(n, chunk.operation());
                          assertEquals(peer, chunk.tensor());
                          assertEquals(n * 3L, chunk.offset());
                          assertEquals(size(n, transport.maxChunkBytes()), chunk.length());
                          byte expected = (byte) (n + peer);
                          for (long at = 0; at < chunk.length(); at += 61) {
                            assertEquals(expected, chunk.memory().get(JAVA_BYTE, chunk.at() + at));
                          }
                        },
                        Math.min(4, messages - received[peer]));
              }
              if (done == before) {
                LockSupport.parkNanos(20_000);
              }
            }
            barrier(transport);
          }
        });
  }

  private static Chunk chunk(long operation, int tensor, long offset, MemorySegment payload) {
    return new Chunk().set(operation, tensor, offset, payload, 0, payload.byteSize());
  }

  private static long size(int message, int max) {
    return switch (message % 4) {
      case 0 -> 0;
      case 1 -> max;
      case 2 -> message;
      default -> max / 2 + 1;
    };
  }

  private static void barrier(Transport transport) {
    new Collectives(transport, GUARD).barrier();
  }

  @Test
  void reportsBackPressureInsteadOfLosingChunks() throws Exception {
    // The reader starts when the writer has been stopped, however slow the machine is.
    CountDownLatch full = new CountDownLatch(1);
    ranks()
        .run(
            2,
            transport -> {
              int peer = 1 - transport.rank();
              if (transport.rank() == 0) {
                MemorySegment payload =
                    MemorySegment.ofArray(new long[transport.maxChunkBytes() / 8]);
                long accepted = 0;
                long quiet = 0;
                // A reader that does not read stops the writer for good, not just until the media
                // driver has looked.
                while (quiet < 200) {
                  payload.set(JAVA_LONG, 0, accepted);
                  if (transport.offer(peer, chunk(accepted, 0, 0, payload))) {
                    accepted++;
                    quiet = 0;
                  } else {
                    quiet++;
                    Thread.sleep(1);
                  }
                  assertTrue(
                      accepted < 100_000,
                      "a hundred thousand chunks were accepted for a reader that does not read");
                }
                full.countDown();
                Chunk end = chunk(-1, 0, accepted, MemorySegment.NULL);
                while (!transport.offer(peer, end)) {
                  Thread.sleep(1);
                }
              } else {
                assertTrue(full.await(60, TimeUnit.SECONDS), "the writer was never stopped");
                long[] count = {0, -1};
                while (count[1] < 0) {
                  int taken =
                      transport.poll(
                          peer,
                          chunk -> {
                            if (chunk.operation() < 0) {
                              count[1] = chunk.offset();
                            } else {
                              assertEquals(count[0], chunk.operation());
                              assertEquals(
                                  count[0]++, chunk.memory().get(JAVA_LONG_UNALIGNED, chunk.at()));
                            }
                          },
                          1);
                  if (taken == 0) {
                    assertFalse(transport.isLost(peer));
                    Thread.sleep(1);
                  }
                }
                assertEquals(count[1], count[0]);
              }
              barrier(transport);
            });
  }

  @Test
  void handlerExceptionsReachTheCaller() throws Exception {
    ranks()
        .run(
            2,
            transport -> {
              int peer = 1 - transport.rank();
              while (!transport.offer(peer, chunk(7, 0, 0, MemorySegment.NULL))) {
                Thread.sleep(1);
              }
              AssertionError thrown = null;
              while (thrown == null) {
                try {
                  transport.poll(
                      peer,
                      chunk -> {
                        throw new AssertionError("from the handler");
                      },
                      1);
                  Thread.sleep(1);
                } catch (AssertionError e) {
                  thrown = e;
                }
              }
              assertEquals("from the handler", thrown.getMessage());
              barrier(transport);
            });
  }

  @Test
  void aRefusedChunkStaysFirstInLine() throws Exception {
    ranks()
        .run(
            2,
            transport -> {
              int peer = 1 - transport.rank();
              for (int i = 0; i < 3; i++) {
                while (!transport.offer(peer, chunk(i, 0, 0, MemorySegment.NULL))) {
                  Thread.sleep(1);
                }
              }
              List<Long> taken = new ArrayList<>();
              List<Long> refused = new ArrayList<>();
              Transport.ChunkHandler picky =
                  new Transport.ChunkHandler() {
                    @Override
                    public boolean accepts(Chunk chunk) {
                      boolean first = chunk.operation() == 0;
                      if (!first) {
                        refused.add(chunk.operation());
                      }
                      return first;
                    }

                    @Override
                    public void onChunk(Chunk chunk) {
                      taken.add(chunk.operation());
                    }
                  };
              long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
              while (refused.size() < 3) {
                transport.poll(peer, picky, 3);
                assertTrue(System.nanoTime() < deadline, taken + " taken, " + refused);
                assertFalse(transport.isLost(peer));
              }
              assertEquals(List.of(0L), taken);
              assertEquals(List.of(1L, 1L, 1L), refused.subList(0, 3));
              while (taken.size() < 3) {
                // No more than these three: the peer may have entered the barrier.
                transport.poll(peer, chunk -> taken.add(chunk.operation()), 3 - taken.size());
                assertTrue(System.nanoTime() < deadline, taken + " taken");
              }
              assertEquals(List.of(0L, 1L, 2L), taken);
              barrier(transport);
            });
  }

  /// The gradient of one group: values whose sum depends on the order of the additions.
  private static float gradient(int group, int element) {
    Random random = new Random(SEED + 31L * group + 1_000_003L * element);
    return (float) (random.nextGaussian() * Math.scalb(1.0, random.nextInt(24)));
  }

  /// The sum that the tree's definition gives, by recursion.
  private static float treeSum(int first, int groups, int element) {
    return groups == 1
        ? gradient(first, element)
        : treeSum(first, groups / 2, element) + treeSum(first + groups / 2, groups / 2, element);
  }

  /// What each rank holds after the reduction of each size, [rank][size].
  private float[][][] reduced(int world, int groups, int[] sizes, Reduction mode, boolean skew)
      throws Exception {
    float[][][] results = new float[world][sizes.length][];
    ranks()
        .run(
            world,
            transport -> {
              Collectives collectives = new Collectives(transport, GUARD);
              for (int size = 0; size < sizes.length; size++) {
                results[transport.rank()][size] =
                    reduced(collectives, groups, sizes[size], mode, skew);
              }
              collectives.barrier();
            });
    return results;
  }

  private static float[] reduced(
      Collectives collectives, int groups, int elements, Reduction mode, boolean skew)
      throws Exception {
    int rank = collectives.rank();
    BatchTree tree = new BatchTree(groups, collectives.worldSize());
    try (Backend backend = host();
        ParameterStore store =
            new ParameterStore(
                backend,
                List.of(Parameter.of("w", Shape.of(elements), Initializer.constant(0), false)));
        GradientReducer reducer =
            new GradientReducer(backend, store, tree, rank, collectives, mode)) {
      // Twice, because the second step runs on used buffers and positions.
      for (int step = 0; step < 2; step++) {
        for (int group = tree.firstGroup(rank); group < tree.endGroup(rank); group++) {
          if (skew && rank == collectives.worldSize() / 2) {
            Thread.sleep(20);
          }
          for (int i = 0; i < elements; i++) {
            store.gradients().segment().setAtIndex(JAVA_FLOAT, i, gradient(group, i));
          }
          reducer.endGroup(group);
        }
        reducer.reduce();
      }
      return store.gradients().segment().asSlice(0, elements * 4L).toArray(JAVA_FLOAT);
    }
  }

  @Test
  void treeSumHasTheSameBitsAtEveryWorldSize() throws Exception {
    int[] sizes = {0, 1, 17, 5_000, 40_001};
    float[][] expected = new float[sizes.length][];
    for (int size = 0; size < sizes.length; size++) {
      expected[size] = new float[sizes[size]];
      for (int i = 0; i < sizes[size]; i++) {
        expected[size][i] = treeSum(0, 8, i);
      }
    }
    for (int world : worldSizes()) {
      float[][][] results = reduced(world, 8, sizes, Reduction.TREE, false);
      for (int rank = 0; rank < world; rank++) {
        for (int size = 0; size < sizes.length; size++) {
          String where =
              "seed " + SEED + ", " + sizes[size] + " elements, rank " + rank + " of " + world;
          assertArrayEquals(expected[size], results[rank][size], where);
        }
      }
    }
  }

  @Test
  void treeSumSurvivesASlowRank() throws Exception {
    int world = fewWorldSizes()[fewWorldSizes().length - 1];
    float[][][] slow = reduced(world, 16, new int[] {20_000}, Reduction.TREE, true);
    for (float[][] result : slow) {
      for (int i = 0; i < 20_000; i++) {
        assertEquals(treeSum(0, 16, i), result[0][i], "seed " + SEED + ", element " + i);
      }
    }
  }

  @Test
  void rankOrderSumsDependOnTheWorldSize() throws Exception {
    float[] one = reduced(1, 8, new int[] {1_000}, Reduction.RANK_ORDER, false)[0][0];
    float[][][] three = reduced(3, 8, new int[] {1_000}, Reduction.RANK_ORDER, false);
    assertArrayEquals(three[0][0], three[1][0]);
    assertArrayEquals(three[0][0], three[2][0]);
    int different = 0;
    for (int i = 0; i < 1_000; i++) {
      assertEquals(one[i], three[0][0][i], Math.abs(one[i]) * 1e-3f + 64f, "seed " + SEED);
      different += one[i] == three[0][0][i] ? 0 : 1;
    }
    assertNotEquals(
        0,
        different,
        "the negative control gave the same bits, so the test of the tree could not fail");
  }

  @Test
  void sumsALargeTensorInRankOrder() throws Exception {
    onEachWorld(
        transport -> {
          int n = largeElements();
          try (Backend backend = host();
              Tensor x = backend.allocate(DType.F32, Shape.of(n), Category.GRADIENT)) {
            Collectives collectives = new Collectives(transport, GUARD);
            int world = transport.worldSize();
            for (int i = 0; i < n; i++) {
              x.segment().setAtIndex(JAVA_FLOAT, i, (i % 1000) + transport.rank());
            }
            collectives.allReduceSum(x);
            for (int i = 0; i < n; i++) {
              float expected = (i % 1000) * world + world * (world - 1) / 2;
              if (x.segment().getAtIndex(JAVA_FLOAT, i) != expected) {
                assertEquals(expected, x.segment().getAtIndex(JAVA_FLOAT, i), "element " + i);
              }
            }
            collectives.barrier();
          }
        });
  }

  @Test
  void broadcastsAnyTypeAndSizeFromAnyRoot() throws Exception {
    onEachWorld(
        transport -> {
          Collectives collectives = new Collectives(transport, GUARD);
          try (Backend backend = host()) {
            for (int root : new int[] {0, transport.worldSize() - 1}) {
              for (long bytes : new long[] {0, 1, 4_099, 300_001}) {
                try (Tensor x = backend.allocate(DType.U8, Shape.of(bytes), Category.PARAMETER)) {
                  x.segment().fill((byte) (transport.rank() == root ? bytes + root : 99));
                  collectives.broadcast(x, root);
                  for (long i = 0; i < bytes; i++) {
                    if (x.segment().get(JAVA_BYTE, i) != (byte) (bytes + root)) {
                      throw new AssertionError("byte " + i + " of " + bytes + " from root " + root);
                    }
                  }
                }
              }
            }
          }
          collectives.barrier();
        });
  }

  @Test
  void gathersRecordsBitForBit() throws Exception {
    onEachWorld(
        transport -> {
          Collectives collectives = new Collectives(transport, GUARD);
          int world = transport.worldSize();
          for (int round = 0; round < 20; round++) {
            double[] mine = record(transport.rank(), round);
            double[][] all = collectives.allGather(mine);
            assertEquals(world, all.length);
            for (int peer = 0; peer < world; peer++) {
              double[] expected = record(peer, round);
              assertEquals(expected.length, all[peer].length);
              for (int i = 0; i < expected.length; i++) {
                assertEquals(
                    Double.doubleToRawLongBits(expected[i]),
                    Double.doubleToRawLongBits(all[peer][i]));
              }
            }
          }
          collectives.barrier();
        });
  }

  /// Lengths differ by rank and pass through zero and more than one chunk; one value is a NaN with a payload.
  private static double[] record(int rank, int round) {
    double[] values = new double[round == 7 ? 20_000 : (rank + round) % 4];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          i == 1
              ? Double.longBitsToDouble(0x7ff8_0000_0000_0000L + rank + 1)
              : rank * 1e-300 + round + i / 3.0;
    }
    return values;
  }

  @Test
  void barrierHoldsEarlyRanksBack() throws Exception {
    for (int world : fewWorldSizes()) {
      AtomicLong entered = new AtomicLong();
      long seed = SEED + world;
      ranks()
          .run(
              world,
              transport -> {
                Random random = new Random(seed + transport.rank());
                Collectives collectives = new Collectives(transport, GUARD);
                for (int round = 1; round <= 10; round++) {
                  Thread.sleep(random.nextInt(3));
                  entered.incrementAndGet();
                  collectives.barrier();
                  long seen = entered.get();
                  assertTrue(
                      seen >= (long) round * world,
                      "seed "
                          + seed
                          + ": left barrier "
                          + round
                          + " when only "
                          + seen
                          + " had entered");
                }
              });
    }
  }

  @Test
  void aRankThatLeavesIsNamed() throws Exception {
    int leaver = 1;
    for (int world : new int[] {2, 3}) {
      List<Throwable> failures =
          ranks()
              .outcomes(
                  world,
                  transport -> {
                    Collectives collectives = new Collectives(transport, GUARD);
                    collectives.barrier();
                    if (transport.rank() == leaver) {
                      return;
                    }
                    try (Backend backend = host();
                        Tensor x =
                            backend.allocate(DType.F32, Shape.of(100_000), Category.GRADIENT)) {
                      backend.fill(x, 1);
                      long start = System.nanoTime();
                      try {
                        collectives.allReduceSum(x);
                      } catch (PeerLostException e) {
                        long millis = (System.nanoTime() - start) / 1_000_000;
                        assertTrue(millis < 3_000, "noticed after " + millis + " ms");
                        // Do not leave before the others have noticed the first loss.
                        Thread.sleep(300);
                        throw e;
                      }
                    }
                  });
      assertEquals(null, failures.get(leaver));
      for (int rank = 0; rank < world; rank++) {
        if (rank != leaver) {
          PeerLostException lost = assertInstanceOf(PeerLostException.class, failures.get(rank));
          assertEquals(leaver, lost.peer(), lost.getMessage());
          assertTrue(lost.getMessage().contains("rank " + leaver), lost.getMessage());
        }
      }
    }
  }

  @Test
  void theGuardEndsAWaitForASilentPeer() throws Exception {
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  new Collectives(transport, GUARD).barrier();
                  if (transport.rank() == 1) {
                    Thread.sleep(700);
                    return;
                  }
                  new Collectives(
                          transport,
                          (peer, waitedNanos) -> {
                            if (waitedNanos > TimeUnit.MILLISECONDS.toNanos(200)) {
                              throw new PeerLostException(
                                  peer, "rank " + peer + " was silent for 200 ms");
                            }
                          })
                      .barrier();
                });
    assertEquals(null, failures.get(1));
    assertEquals(1, assertInstanceOf(PeerLostException.class, failures.get(0)).peer());
  }

  @Test
  void ranksThatRunDifferentOperationsAreTold() throws Exception {
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives collectives = new Collectives(transport, GUARD);
                  if (transport.rank() == 0) {
                    collectives.barrier();
                  }
                  try (Backend backend = host();
                      Tensor x = backend.allocate(DType.F32, Shape.of(100), Category.GRADIENT)) {
                    backend.fill(x, 1);
                    collectives.allReduceSum(x);
                  }
                });
    List<String> messages = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      if (failures.get(rank) instanceof IllegalStateException e) {
        messages.add(e.getMessage());
        assertTrue(e.getMessage().contains("rank " + (1 - rank)), e.getMessage());
      }
    }
    assertFalse(messages.isEmpty(), "nobody noticed: " + failures);
  }
}
