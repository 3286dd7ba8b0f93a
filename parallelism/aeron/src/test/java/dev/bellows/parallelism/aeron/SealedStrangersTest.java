package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.Refusal;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What a stranger sends to the ports of two encrypted ranks: nothing joins, nothing is corrupted, all of it is counted, and the ranks go on.
@Timeout(60)
class SealedStrangersTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_261_124L);
  private static final long RUN = 4_711;
  private static final int GENERATION = 3;
  private static final int MTU = 1_408;

  /// The common pool has one thread on two cores, and tasks here wait for each other.
  private static final Executor THREADS = task -> Thread.ofPlatform().start(task);

  private final RunKey key = RunKey.fresh();
  private final RankGroup group =
      new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", MTU).with(key);

  @AfterAll
  static void leavesNothingBehind() throws Exception {
    SharedMemoryTest.assertNothingOfThisProcess();
  }

  private static Transport open(TransportOptions options) {
    return new AeronTransportProvider().open(options);
  }

  private static CompletableFuture<Transport> opening(TransportOptions options) {
    return CompletableFuture.supplyAsync(() -> open(options), THREADS);
  }

  /// Rank 1 waits for rank 0 while others say that they are rank 0: with another key, of another run, of an older and a later
  /// generation. They are not let in, rank 1 goes on waiting, and the right one joins.
  @Test
  void impostorsDoNotJoin() throws Exception {
    List<TransportOptions> options = group.options(2, RUN, GENERATION);
    CompletableFuture<Transport> waiting = opening(options.get(1));
    List<CompletableFuture<Transport>> impostors =
        List.of(
            opening(impostor(elsewhere(options), RUN, GENERATION, RunKey.fresh())),
            opening(impostor(elsewhere(options), RUN + 1, GENERATION, key)),
            opening(impostor(elsewhere(options), RUN, GENERATION - 1, key)),
            opening(impostor(elsewhere(options), RUN, GENERATION + 1, key)));
    for (CompletableFuture<Transport> impostor : impostors) {
      CompletionException refused =
          assertThrows(CompletionException.class, impostor::join, "an impostor joined");
      assertInstanceOf(PeerLostException.class, refused.getCause());
    }
    assertFalse(waiting.isDone(), "rank 1 took an impostor for rank 0");
    try (Transport zero = open(options.get(0));
        Transport one = waiting.get();
        Ranks ranks = new Ranks(zero, one)) {
      ranks.reduce(3);
      assertTrue(one.strangers() >= 3, one.strangers() + " packets dropped");
      assertTrue(((AeronTransport) one).strangers(0).count(Refusal.FORGED) >= 1);
      ranks.leave();
    }
  }

  /// The two ranks, rank 0 with another address, and with a process number that keeps the files of its media driver apart.
  private static List<Peer> elsewhere(List<TransportOptions> options) {
    Peer one = options.get(1).peers().get(1);
    String address = new AeronTransportProvider().reserveDataAddress("127.0.0.1");
    return List.of(new Peer(0, one.host(), 1, address), one);
  }

  private static TransportOptions impostor(
      List<Peer> peers, long runId, int generation, RunKey key) {
    return new TransportOptions(
        runId, generation, 0, peers, "udp", MTU, TimeUnit.SECONDS.toNanos(3), key);
  }

  /// Two ranks that add up, each on its thread.
  private record Ranks(
      Transport zero, Transport one, Backend backend, Tensor x, Tensor y, List<Collectives> both)
      implements AutoCloseable {
    Ranks(Transport zero, Transport one) {
      this(zero, one, new ReferenceBackend());
    }

    private Ranks(Transport zero, Transport one, Backend backend) {
      this(
          zero,
          one,
          backend,
          backend.allocate(DType.F32, Shape.of(3_001), Category.GRADIENT),
          backend.allocate(DType.F32, Shape.of(3_001), Category.GRADIENT),
          List.of(
              new Collectives(zero, (peer, waited) -> patience(waited)),
              new Collectives(one, (peer, waited) -> patience(waited))));
    }

    private static void patience(long waited) {
      assertTrue(waited < TimeUnit.SECONDS.toNanos(20), "the ranks are stuck");
    }

    void reduce(int rounds) {
      CompletableFuture<Void> other =
          CompletableFuture.runAsync(() -> reduce(y, both.get(1), rounds), THREADS);
      reduce(x, both.get(0), rounds);
      other.join();
    }

    private static void reduce(Tensor x, Collectives collectives, int rounds) {
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < x.elements(); i++) {
          x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, i + round + collectives.rank());
        }
        collectives.allReduceSum(x);
        for (int i = 0; i < x.elements(); i++) {
          float sum = x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
          assertEquals(2f * (i + round) + 1, sum, "element " + i);
        }
      }
    }

    /// Both at once, since each waits for the other's goodbye.
    void leave() {
      CompletableFuture<Void> other = CompletableFuture.runAsync(one::close, THREADS);
      zero.close();
      other.join();
    }

    @Override
    public void close() {
      x.close();
      y.close();
      backend.close();
    }
  }

  @Test
  void packetsOfStrangersChangeNothing() throws Exception {
    List<TransportOptions> options = group.options(2, RUN, GENERATION);
    CompletableFuture<Transport> opening = opening(options.get(1));
    try (Transport zero = open(options.get(0));
        Transport one = opening.get();
        Ranks ranks = new Ranks(zero, one);
        Stranger stranger = new Stranger(options)) {
      ranks.reduce(2);
      List<byte[]> genuine = stranger.listen(() -> ranks.reduce(3));
      assertTrue(genuine.size() >= 30, genuine.size() + " packets seen");
      byte[] last = genuine.getLast();
      assertTrue(last.length > 110, last.length + " bytes");
      long due = Packet.counter(new UnsafeBuffer(last), 0) + 1;

      // Rank 1 is idle and expects number `due`.
      List<byte[]> forged = new ArrayList<>();
      for (int at : new int[] {32, 40, 48, 64, 100, last.length - 1}) {
        byte[] packet = numbered(last, due);
        packet[at] ^= 1;
        forged.add(packet);
      }
      forged.add(numbered(last, due));
      forged.add(Arrays.copyOf(numbered(last, due), last.length - 1));
      forged.add(Arrays.copyOf(numbered(last, due), 70));
      forged.add(Arrays.copyOf(numbered(last, due), 64));
      assertDropped(Refusal.FORGED, stranger, one, forged);
      ranks.reduce(1);

      assertDropped(Refusal.REPLAYED, stranger, one, genuine);
      assertDropped(
          Refusal.REPLAYED, stranger, one, List.of(numbered(last, -1), numbered(last, due + 99)));
      ranks.reduce(1);

      assertDropped(Refusal.FOREIGN, stranger, one, foreign(last));
      ranks.reduce(1);

      sendRawDatagrams(options.get(1).peers().get(1).dataAddress(), last);
      ranks.reduce(1);
      floodWhileTheyWork(stranger, ranks, one, genuine);
      assertEquals(0, zero.strangers(), "nobody sent anything to rank 0");
      ranks.leave();
    }
  }

  private static byte[] numbered(byte[] packet, long counter) {
    byte[] copy = packet.clone();
    new UnsafeBuffer(copy).putLong(56, counter);
    return copy;
  }

  /// Packets that are of another run, an older generation, in clear, of another format, cut off or too long.
  private static List<byte[]> foreign(byte[] sealed) {
    List<byte[]> packets = new ArrayList<>();
    Chunk chunk = new Chunk();
    for (Packet format :
        List.of(
            Packet.sealed(RUN + 1, GENERATION),
            Packet.sealed(RUN, GENERATION - 1),
            Packet.plain(RUN, GENERATION))) {
      for (long kind : new long[] {Packet.DATA, Packet.HELLO, Packet.READY, Packet.GOODBYE}) {
        byte[] packet = sealed.clone();
        format.write(new UnsafeBuffer(packet), 0, kind, chunk, 0);
        packets.add(packet);
      }
    }
    for (int length : new int[] {1, 8, 63}) {
      packets.add(Arrays.copyOf(sealed, length));
    }
    packets.add(Arrays.copyOf(sealed, MTU - 32));
    byte[] noise = new byte[500];
    new Random(SEED).nextBytes(noise);
    packets.add(noise);
    return packets;
  }

  /// Sends `packets`, has the idle rank take them, and checks the count of exactly this reason.
  private static void assertDropped(
      Refusal why, Stranger stranger, Transport one, List<byte[]> packets) throws Exception {
    Strangers dropped = ((AeronTransport) one).strangers(0);
    long total = dropped.total();
    long before = dropped.count(why);
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    for (byte[] packet : packets) {
      stranger.send(packet);
    }
    while (dropped.total() < total + packets.size()) {
      int delivered =
          one.poll(
              0,
              chunk -> {
                throw new AssertionError("a stranger's chunk came through: " + chunk);
              },
              20);
      assertEquals(0, delivered);
      assertTrue(System.nanoTime() < deadline, dropped.total() - total + " of " + packets.size());
      Thread.sleep(1);
    }
    assertEquals(packets.size(), dropped.count(why) - before, why.words());
  }

  /// What Aeron itself must cope with: noise, and frames of its own format with wrong fields.
  private static void sendRawDatagrams(String address, byte[] sealed) throws Exception {
    int colon = address.lastIndexOf(':');
    InetSocketAddress target =
        new InetSocketAddress(
            address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
    Random random = new Random(SEED);
    try (DatagramSocket socket = new DatagramSocket()) {
      for (int i = 0; i < 200; i++) {
        byte[] noise = new byte[random.nextInt(1_300)];
        random.nextBytes(noise);
        socket.send(new DatagramPacket(noise, noise.length, target));
        byte[] frame = new byte[32 + sealed.length];
        UnsafeBuffer buffer = new UnsafeBuffer(frame);
        buffer.putInt(0, frame.length);
        buffer.putShort(6, (short) (i % 4));
        buffer.putInt(8, 32 * random.nextInt(1_000));
        buffer.putInt(12, random.nextInt());
        buffer.putInt(16, 1_001);
        buffer.putBytes(32, sealed);
        socket.send(new DatagramPacket(frame, frame.length, target));
      }
    }
  }

  private static void floodWhileTheyWork(
      Stranger stranger, Ranks ranks, Transport one, List<byte[]> genuine) throws Exception {
    long before = one.strangers();
    AtomicBoolean over = new AtomicBoolean();
    CompletableFuture<Integer> flood =
        CompletableFuture.supplyAsync(
            () -> {
              Random random = new Random(SEED);
              int sent = 0;
              try {
                while (!over.get() && sent < 20_000) {
                  byte[] packet = genuine.get(random.nextInt(genuine.size())).clone();
                  if (random.nextInt(4) > 0) {
                    packet[random.nextInt(packet.length)] ^= (byte) (1 << random.nextInt(8));
                    packet = numbered(packet, random.nextInt(3_000));
                  }
                  stranger.send(packet);
                  sent++;
                  if (sent % 20 == 0) {
                    Thread.sleep(1);
                  }
                }
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              return sent;
            },
            THREADS);
    try {
      ranks.reduce(100);
    } finally {
      over.set(true);
    }
    while (!flood.isDone()) {
      // Makes room for what is still on its way.
      one.poll(0, chunk -> {}, 100);
      Thread.sleep(1);
    }
    int sent = flood.join();
    ranks.reduce(2);
    assertTrue(sent > 50, sent + " packets sent");
    assertTrue(one.strangers() - before > 50, one.strangers() - before + " dropped");
  }
}
