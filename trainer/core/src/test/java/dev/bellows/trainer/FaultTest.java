package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.aeron.AeronTransportProvider;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.RunReport;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What a user is told when something breaks: the first cause, with its place, and nothing is left behind.
@ExtendWith(LeakWatch.class)
class FaultTest {
  @TempDir Path temp;

  private LocalRun mlp() {
    return LocalRun.mlp(temp.resolve("run")).with("evaluate.samples=4");
  }

  private static RunReport failed(LocalRun.Ended ended, ErrorCategory category) {
    RunReport report = ended.report();
    assertEquals(Outcome.FAILED, report.outcome(), report::toString);
    assertEquals(category, report.category(), report::toString);
    assertEquals(category.exitCode(), report.exitCode());
    assertOneSentence(report.sentence());
    return report;
  }

  private static void assertOneSentence(String text) {
    assertFalse(text.isBlank());
    assertFalse(text.contains("\n"), text);
    assertFalse(text.contains("Exception:"), text);
  }

  private static void assertHas(String text, String... parts) {
    for (String part : parts) {
      assertTrue(text.contains(part), () -> "'" + part + "' is missing in: " + text);
    }
  }

  // Damaged checkpoints

  /// Flips a bit of the first tensor's bytes in some part of the checkpoint of `step`; returns the part's name.
  private static String damage(Path run, long step) throws IOException {
    try (Stream<Path> files = Files.list(Path.of(LocalRun.stepFolder(run, step)))) {
      Path part =
          files
              .filter(file -> file.toString().endsWith(".safetensors"))
              .sorted()
              .findFirst()
              .orElseThrow();
      byte[] bytes = Files.readAllBytes(part);
      int payload = 8 + (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
      bytes[payload + 5] ^= 1;
      Files.write(part, bytes);
      return part.getFileName().toString();
    }
  }

  @Test
  void resumesFromTheCheckpointBeforeADamagedOne() throws IOException {
    LocalRun run = mlp().with("checkpoint.every=2");
    assertEquals(Outcome.STOPPED, run.stopAfter(4).run().report().outcome());
    String part = damage(run.folder(), 4);
    LocalRun.Ended ended = run.with("workers.count=1").run();
    assertEquals(Outcome.FINISHED, ended.report().outcome(), ended::printed);
    String line = ended.lines().getFirst();
    assertHas(
        line,
        "the checkpoint of step 4 is damaged and not used: ",
        part,
        "tensor layers.",
        "bytes ");
    assertHas(ended.printed(), "resumed at step 2 (saved on 2 workers, now 1)");
    LocalRun.Ended whole =
        LocalRun.mlp(temp.resolve("whole")).with("evaluate.samples=4", "checkpoint.every=2").run();
    assertEquals(whole.history().steps(), ended.history().steps());
    assertEquals(List.of(), LocalRun.differing(whole.folder(), run.folder(), 8));
  }

  @Test
  void doesNotStartOverWhenEveryCheckpointIsDamaged() throws IOException {
    LocalRun run = mlp().with("checkpoint.every=2");
    assertEquals(Outcome.STOPPED, run.stopAfter(4).run().report().outcome());
    damage(run.folder(), 2);
    damage(run.folder(), 4);
    BellowsException refusal = assertThrows(BellowsException.class, run::run);
    assertEquals(ErrorCategory.STORAGE, refusal.category());
    assertOneSentence(refusal.getMessage());
    assertHas(refusal.getMessage(), "no checkpoint in ", " is valid", "--fresh");
    assertTrue(
        Files.exists(Path.of(LocalRun.stepFolder(run.folder(), 4), "manifest.json")),
        "the evidence stays");
  }

  // Errors of a worker

  @Test
  void namesStepAndRankOfALossThatIsNotFinite() {
    LocalRun.Ended ended =
        mlp().with("optimizer={kind: sgd, learningRate: 1e30}", "schedule={kind: constant}").run();
    String sentence = failed(ended, ErrorCategory.NUMERIC).sentence();
    assertHas(
        sentence,
        "the loss became NaN at step 2 (rank 0, group 0)",
        "the last finite step was 1 with loss 2.3",
        "lower optimizer.learningRate");
    assertEquals(1, ended.history().steps().size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"in-process", "aeron"})
  void namesTheWorkerThatFailedAndNotThePeersThatMissedIt(String network) {
    TransportProvider provider =
        network.equals("aeron") ? new AeronTransportProvider() : new InProcessTransportProvider();
    // Worker 1 of 2 has two groups of two micro-batches: its ninth forward pass is the first of
    // step 3.
    ModelFactory models =
        PlantedModel.in(
            1,
            9,
            () -> {
              throw new ArithmeticException("planted");
            });
    LocalRun.Ended ended = mlp().over(provider).models(models).run();
    RunReport report = ended.report();
    assertEquals(Outcome.FAILED, report.outcome());
    assertEquals(ErrorCategory.INTERNAL, report.category());
    assertHas(
        report.sentence(),
        "rank 1 on host localhost (executor thread-1",
        "at step 3: ArithmeticException: planted");
    assertHas(report.detail(), "at dev.bellows.trainer.FaultTest");
    assertEquals(2, report.step());
    assertTrue(report.seconds() < 20, report::toString);
  }

  /// The third worker's control endpoint goes dumb and deaf and its thread stands still, as when its host loses power.
  @Test
  void namesTheWorkerThatFellSilent() {
    AtomicLong silentSince = new AtomicLong();
    CountDownLatch over = new CountDownLatch(1);
    ModelFactory models =
        PlantedModel.in(
            2,
            5,
            () -> {
              silentSince.set(System.nanoTime());
              try {
                over.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    AtomicLong toldAt = new AtomicLong();
    LocalRun.Ended ended =
        mlp()
            .with("workers.count=3", "workers.heartbeat=300ms")
            .over(new Muting(new InProcessTransportProvider(), "bellows-worker-2", silentSince))
            .models(models)
            .launcher(
                OddLauncher.closing(
                    () -> {
                      toldAt.set(System.nanoTime());
                      over.countDown();
                    }))
            .run();
    String sentence = failed(ended, ErrorCategory.TRANSPORT).sentence();
    assertHas(
        sentence,
        "worker rank 2 on host localhost (executor thread-2",
        "was lost at step ",
        "3 heartbeats in a row were missed");
    double seconds = (toldAt.get() - silentSince.get()) / 1e9;
    assertTrue(
        seconds < 3 * 4 * 0.3,
        "named after "
            + seconds
            + " s, three times of three heartbeats and one of patience allowed");
  }

  /// A network on which the control endpoint of one thread's worker is cut off from a moment on.
  private record Muting(TransportProvider network, String thread, AtomicLong since)
      implements TransportProvider {
    @Override
    public String name() {
      return network.name();
    }

    @Override
    public ControlEndpoint openControl(String host, int port) {
      ControlEndpoint endpoint = network.openControl(host, port);
      return Thread.currentThread().getName().equals(thread)
          ? new Muted(endpoint, since)
          : endpoint;
    }

    @Override
    public String reserveDataAddress(String host) {
      return network.reserveDataAddress(host);
    }

    @Override
    public Transport open(TransportOptions options) {
      return network.open(options);
    }
  }

  private record Muted(ControlEndpoint endpoint, AtomicLong since) implements ControlEndpoint {
    @Override
    public String address() {
      return endpoint.address();
    }

    @Override
    public boolean send(String address, byte[] message, long timeoutNanos) {
      return since.get() != 0 || endpoint.send(address, message, timeoutNanos);
    }

    @Override
    public int poll(Consumer<byte[]> handler) {
      return since.get() != 0 ? 0 : endpoint.poll(handler);
    }

    @Override
    public void forget(String address) {
      endpoint.forget(address);
    }

    @Override
    public void close() {
      endpoint.close();
    }
  }

  // Workers that may not join

  @Test
  void countsTheWorkersThatCameInTime() {
    LocalRun.Ended ended =
        mlp()
            .with("workers.count=3", "workers.startTimeout=1s")
            .launcher(OddLauncher.without(1))
            .run();
    assertHas(
        failed(ended, ErrorCategory.RESOURCE).sentence(),
        "only 2 of 3 workers registered within 1 s",
        "can they reach the driver at 127.0.0.1:");
  }

  @Test
  void refusesAHostThatSeesAnotherFolder() throws IOException {
    Path elsewhere = Files.createDirectories(temp.resolve("elsewhere"));
    LocalRun.Ended ended =
        mlp()
            .launcher(
                OddLauncher.telling(
                    1,
                    spec ->
                        new WorkerSpec(
                            spec.runId(),
                            spec.coordinator(),
                            spec.config(),
                            elsewhere.toString(),
                            spec.stopAfter(),
                            spec.key())))
            .run();
    assertHas(
        failed(ended, ErrorCategory.STORAGE).sentence(),
        "host localhost does not see the run folder",
        "cannot read " + elsewhere + "/nonce",
        "run.folder");
  }

  @Test
  void refusesAHostThatComputesOtherwise() {
    LocalRun.Ended ended =
        mlp()
            .launcher(
                OddLauncher.telling(
                    1,
                    spec ->
                        new WorkerSpec(
                            spec.runId(),
                            spec.coordinator(),
                            spec.config().replace("kind: cpu", "kind: reference"),
                            spec.folder(),
                            spec.stopAfter(),
                            spec.key())))
            .run();
    assertHas(
        failed(ended, ErrorCategory.CONFIGURATION).sentence(),
        "computes with ",
        "reference",
        "would differ in the last bits");
  }

  @Test
  void refusesAWorkerThatNeedsMoreThanItMayUse() {
    LocalRun.Ended ended = mlp().launcher(OddLauncher.limited(64L << 20)).run();
    assertHas(
        failed(ended, ErrorCategory.RESOURCE).sentence(),
        "needs ",
        "(heap ",
        "but was given 64.0 MiB",
        "raise workers.memory");
  }

  @Test
  void tellsAtOnceThatAWorkerCannotStart() {
    LocalRun.Ended ended =
        mlp()
            .launcher(
                OddLauncher.telling(
                    0,
                    spec ->
                        new WorkerSpec(
                            spec.runId(),
                            spec.coordinator(),
                            spec.config() + "nonsense: 1\n",
                            spec.folder(),
                            spec.stopAfter(),
                            spec.key())))
            .run();
    assertHas(failedAtAll(ended).sentence(), "thread-0", "nonsense");
    assertTrue(ended.report().seconds() < 20, ended.report()::toString);
  }

  private static RunReport failedAtAll(LocalRun.Ended ended) {
    assertEquals(Outcome.FAILED, ended.report().outcome());
    return ended.report();
  }

  // Storage that refuses

  /// A file stands where the checkpoint's folder must be, as a full disk would refuse it.
  @Test
  void trainsOnWhenACheckpointCannotBeSaved() throws IOException {
    Path step4 = Path.of(LocalRun.stepFolder(temp.resolve("run"), 4));
    Files.createDirectories(step4.getParent());
    Files.writeString(step4, "in the way");
    LocalRun.Ended ended = mlp().with("checkpoint.every=4").run();
    assertEquals(Outcome.FINISHED, ended.report().outcome(), ended.report()::toString);
    assertHas(
        ended.printed(),
        "the checkpoint of step 4 failed and was removed, training goes on: rank ",
        "step-00000004",
        "saved step 8 to ");
    assertTrue(ended.history().events().contains("checkpoint_failed"));
    assertFalse(Files.exists(step4), "nothing is left of the failed checkpoint");
    assertEquals(8, ended.history().steps().size());
  }

  @Test
  void anEndThatCannotBeSavedIsAFailure() throws IOException {
    Path step8 = Path.of(LocalRun.stepFolder(temp.resolve("run"), 8));
    Files.createDirectories(step8.getParent());
    Files.writeString(step8, "in the way");
    LocalRun.Ended ended = mlp().with("checkpoint.every=4").run();
    RunReport report = failed(ended, ErrorCategory.STORAGE);
    assertHas(report.sentence(), "step 8 is done but could not be saved: ");
    assertEquals(LocalRun.stepFolder(temp.resolve("run"), 4), report.checkpoint());
    assertEquals(
        Outcome.FINISHED,
        mlp().with("checkpoint.every=4").run().report().outcome(),
        "and the run can go on from step 4");
  }
}
