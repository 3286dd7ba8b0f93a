package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.aeron.AeronTransportProvider;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.trainer.control.ControlMessage;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.MessageCodec;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Runs with `transport.encryption`, over real UDP sockets.
@ExtendWith(LeakWatch.class)
@Timeout(90)
class EncryptedRunTest {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(5);
  private static final String EVIL = "a stranger says that it is over";

  @TempDir private Path folder;

  private LocalRun run(String name, TransportProvider network, boolean encryption) {
    return LocalRun.mlp(folder.resolve(name))
        .over(network)
        .with("transport.kind=udp", "transport.encryption=" + encryption, "workers.count=2");
  }

  private static LocalRun.Ended end(Outcome outcome, LocalRun.Ended ended) {
    assertEquals(
        outcome, ended.report().outcome(), ended.report().sentence() + ended.report().detail());
    return ended;
  }

  private static void assertSameBits(LocalRun.Ended first, LocalRun.Ended second, long step) {
    assertEquals(step, first.history().steps().size());
    assertEquals(first.history().steps(), second.history().steps());
    assertEquals(List.of(), LocalRun.differing(first.folder(), second.folder(), step));
  }

  @Test
  void hasTheBitsOfARunInClear() {
    LocalRun.Ended clear =
        end(Outcome.FINISHED, run("clear", new AeronTransportProvider(), false).run());
    LocalRun.Ended sealed =
        end(Outcome.FINISHED, run("sealed", new AeronTransportProvider(), true).run());
    assertSameBits(clear, sealed, 8);
    assertEquals(clear.history().evaluations(), sealed.history().evaluations());
  }

  @Test
  void aWorkerWithAnotherKeyIsNotHeard() {
    LocalRun.Ended ended =
        run("run", new AeronTransportProvider(), true)
            .with("workers.startTimeout=2s")
            .launcher(OddLauncher.telling(1, spec -> spec.withKey(RunKey.fresh())))
            .run();
    end(Outcome.FAILED, ended);
    assertTrue(
        ended.report().sentence().startsWith("only 1 of 2 workers registered within 2 s"),
        ended.report().sentence());
  }

  @Test
  void aWorkerThatWasHandedNoKeyDoesNotTalkInClear() {
    LocalRun.Ended ended =
        run("run", new AeronTransportProvider(), true)
            .launcher(OddLauncher.telling(1, spec -> spec.withKey(RunKey.none())))
            .run();
    end(Outcome.FAILED, ended);
    assertTrue(
        ended.report().sentence().contains("transport.encryption is true, but the worker was"),
        ended.report().sentence());
  }

  /// A stranger tells the driver that a worker failed, the workers that the run is over, and a rank that it is its peer, all with the right run
  /// id and generation, which anybody on the network can read; he has no key.
  @Test
  void strangersDoNotDisturbALiveRun() throws Exception {
    Tapped network = new Tapped();
    Attack attack = new Attack(network, true);
    LocalRun sealed =
        run("sealed", network, true).with("train.steps=1000000", "schedule.steps=1000000");
    LocalRun.Ended ended = end(Outcome.STOPPED, sealed.run(attack::onLine));
    attack.assertDone();
    long step = ended.report().step();
    LocalRun.Ended clear =
        end(
            Outcome.STOPPED,
            run("clear", new AeronTransportProvider(), false)
                .with("train.steps=1000000", "schedule.steps=1000000")
                .stopAfter(step)
                .run());
    assertSameBits(clear, ended, step);
    assertTrue(network.endpoints.getFirst().strangers() >= 4, "the driver dropped his messages");
    assertTrue(
        network.transports.stream().mapToLong(Transport::strangers).sum() >= 2,
        "the ranks dropped his packets");
  }

  /// The control: without encryption the first of these messages ends the run.
  @Test
  void withoutEncryptionTheyDo() throws Exception {
    Tapped network = new Tapped();
    Attack attack = new Attack(network, false);
    LocalRun.Ended ended =
        run("clear", network, false)
            .with("train.steps=1000000", "schedule.steps=1000000")
            .run(attack::onLine);
    end(Outcome.FAILED, ended);
    assertTrue(ended.report().sentence().contains(EVIL), ended.report().sentence());
    attack.await();
  }

  /// Aeron's network, which remembers what was opened: the driver's control endpoint first, then the workers', and each rank's transport.
  private static final class Tapped implements TransportProvider {
    private final TransportProvider network = new AeronTransportProvider();
    private final List<ControlEndpoint> endpoints = new CopyOnWriteArrayList<>();
    private final List<TransportOptions> options = new CopyOnWriteArrayList<>();
    private final List<Transport> transports = new CopyOnWriteArrayList<>();

    @Override
    public String name() {
      return network.name();
    }

    @Override
    public ControlEndpoint openControl(String host, int port) {
      return openControl(host, port, RunKey.none());
    }

    @Override
    public ControlEndpoint openControl(String host, int port, RunKey key) {
      ControlEndpoint endpoint = network.openControl(host, port, key);
      endpoints.add(endpoint);
      return endpoint;
    }

    @Override
    public String reserveDataAddress(String host) {
      return network.reserveDataAddress(host);
    }

    @Override
    public Transport open(TransportOptions opened) {
      options.add(opened);
      Transport transport = network.open(opened);
      transports.add(transport);
      return transport;
    }
  }

  /// What the stranger does, once, from the first step on: messages in clear, and more when he has to try everything; then the run is asked to
  /// stop.
  private static final class Attack {
    private final Tapped network;
    private final boolean everything;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private Thread thread;

    Attack(Tapped network, boolean everything) {
      this.network = network;
      this.everything = everything;
    }

    synchronized void onLine(TrainingRun run, String line) {
      if (thread == null && line.startsWith("step ")) {
        thread = Thread.ofPlatform().name("stranger").start(() -> attack(run));
      }
    }

    synchronized void await() throws InterruptedException {
      assertTrue(thread != null, "the run made no step");
      thread.join();
    }

    void assertDone() throws InterruptedException {
      await();
      if (failure.get() != null) {
        throw new AssertionError("the attack broke off", failure.get());
      }
    }

    private void attack(TrainingRun run) {
      try {
        sendMessages(RunKey.none());
        if (everything) {
          sendMessages(RunKey.fresh());
          sendNoise();
          TransportProvider.TransportOptions seen = network.options.getFirst();
          CompletableFuture<Void> other =
              CompletableFuture.runAsync(
                  () -> beRankZero(seen, seen.runId() + 1, RunKey.fresh()),
                  task -> Thread.ofPlatform().start(task));
          beRankZero(seen, seen.runId(), RunKey.fresh());
          other.join();
        }
      } catch (Throwable e) {
        failure.set(e);
      } finally {
        run.requestStop();
      }
    }

    private void sendMessages(RunKey key) {
      long runId = network.options.getFirst().runId();
      MessageCodec codec = new MessageCodec();
      List<String> addresses =
          new ArrayList<>(network.endpoints.stream().map(ControlEndpoint::address).toList());
      byte[] failed =
          codec.encode(
              new ControlMessage.Failure(
                  runId, 1, 0, 1, -1, ErrorCategory.INTERNAL, EVIL, "no detail"));
      byte[] over = codec.encode(new ControlMessage.Abort(runId, EVIL));
      try (ControlEndpoint stranger =
          new AeronTransportProvider().openControl("127.0.0.1", 0, key)) {
        for (String address : addresses) {
          assertTrue(stranger.send(address, failed, PATIENCE), address);
          assertTrue(stranger.send(address, over, PATIENCE), address);
        }
        // What he sent has to leave before his endpoint does.
        TimeUnit.MILLISECONDS.sleep(200);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    private void sendNoise() throws Exception {
      Random random = new Random(5);
      try (DatagramSocket socket = new DatagramSocket()) {
        for (TransportProvider.Peer peer : network.options.getFirst().peers()) {
          int colon = peer.dataAddress().lastIndexOf(':');
          int port = Integer.parseInt(peer.dataAddress().substring(colon + 1));
          for (int i = 0; i < 50; i++) {
            byte[] noise = new byte[random.nextInt(1_400)];
            random.nextBytes(noise);
            socket.send(
                new DatagramPacket(noise, noise.length, new InetSocketAddress("127.0.0.1", port)));
          }
        }
      }
    }

    /// Greets rank 1 as rank 0, from a port of his own. The process number keeps his files apart from those of the right one.
    private static void beRankZero(
        TransportProvider.TransportOptions seen, long runId, RunKey key) {
      TransportProvider.Peer one = seen.peers().get(1);
      String address = new AeronTransportProvider().reserveDataAddress("127.0.0.1");
      try (Transport joined =
          new AeronTransportProvider()
              .open(
                  new TransportProvider.TransportOptions(
                      runId,
                      seen.generation(),
                      0,
                      List.of(new TransportProvider.Peer(0, one.host(), 1, address), one),
                      "udp",
                      seen.mtuBytes(),
                      TimeUnit.SECONDS.toNanos(2),
                      key))) {
        throw new AssertionError("a stranger joined as rank " + joined.rank());
      } catch (PeerLostException e) {
        // As it should be.
      }
    }
  }
}
