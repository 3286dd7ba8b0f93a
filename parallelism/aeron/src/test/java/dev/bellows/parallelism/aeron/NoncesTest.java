package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.NonceRecorder;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// No pair of key and nonce seals two packets, over four ranks, both planes, a restart under the same key and a later generation.
@Timeout(60)
class NoncesTest {
  private static final int WORLD = 4;
  private static final int ROUNDS = 5;

  private final RunKey key = RunKey.fresh();
  private final RankGroup group =
      new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", 1_408)
          .with(key);

  @Test
  void noKeyAndNonceComeTwice() throws Exception {
    try (NonceRecorder pairs = new NonceRecorder()) {
      List<TransportOptions> options = group.options(WORLD, 4_711, 1);
      Set<String> earlier = new HashSet<>();
      // The second time the ranks have the same key, run id, generation, attempt and process: the
      // worst that a restart can be.
      for (List<TransportOptions> opened : List.of(options, options, generation(options, 2))) {
        long before = pairs.count();
        trainAWhile(opened);
        controlAWhile();
        // A hello, a ready, a goodbye and five all-reduces for each ordered pair of ranks.
        long least = WORLD * (WORLD - 1) * (3 + ROUNDS);
        assertTrue(pairs.count() - before >= least, pairs.count() + " packets in all");
        assertEquals(pairs.count(), pairs.distinct());
        Set<String> keys = new HashSet<>(pairs.keys());
        keys.removeAll(earlier);
        // Two keys for each ordered pair of ranks, one for hellos; two directions of control.
        assertEquals(2 * WORLD * (WORLD - 1) + 2, keys.size(), "no key is used again");
        earlier.addAll(keys);
      }
    }
  }

  private static List<TransportOptions> generation(List<TransportOptions> options, int number) {
    return options.stream()
        .map(
            one ->
                new TransportOptions(
                    one.runId(),
                    number,
                    one.rank(),
                    one.peers(),
                    one.kind(),
                    one.mtuBytes(),
                    one.timeoutNanos(),
                    one.key()))
        .toList();
  }

  private static void trainAWhile(List<TransportOptions> options) {
    List<CompletableFuture<Void>> ranks = new ArrayList<>();
    for (TransportOptions rank : options) {
      ranks.add(CompletableFuture.runAsync(() -> reduce(rank), task -> new Thread(task).start()));
    }
    ranks.forEach(CompletableFuture::join);
  }

  private static void reduce(TransportOptions options) {
    try (Transport transport = new AeronTransportProvider().open(options);
        Backend backend = new ReferenceBackend();
        Tensor x = backend.allocate(DType.F32, Shape.of(4_003), Category.GRADIENT)) {
      Collectives collectives = new Collectives(transport, (peer, waited) -> {});
      backend.fill(x, 1);
      for (int round = 0; round < ROUNDS; round++) {
        collectives.allReduceSum(x);
      }
      collectives.barrier();
    }
  }

  private void controlAWhile() throws InterruptedException {
    AeronTransportProvider network = new AeronTransportProvider();
    try (ControlEndpoint driver = network.openControl("127.0.0.1", 0, key);
        ControlEndpoint worker = network.openControl("127.0.0.1", 0, key)) {
      List<byte[]> inbox = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        send(worker, driver);
        send(driver, worker);
      }
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (inbox.size() < 20 && System.nanoTime() < deadline) {
        if (driver.poll(inbox::add) + worker.poll(inbox::add) == 0) {
          Thread.sleep(1);
        }
      }
      assertEquals(20, inbox.size());
    }
  }

  private static void send(ControlEndpoint from, ControlEndpoint to) {
    assertTrue(from.send(to.address(), new byte[] {1}, TimeUnit.SECONDS.toNanos(10)));
  }
}
