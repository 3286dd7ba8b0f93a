package dev.bellows.trainer.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.checkpointing.PartReport;
import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.trainer.control.ControlMessage.Abort;
import dev.bellows.trainer.control.ControlMessage.CheckpointReport;
import dev.bellows.trainer.control.ControlMessage.CheckpointResult;
import dev.bellows.trainer.control.ControlMessage.Failure;
import dev.bellows.trainer.control.ControlMessage.Finished;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.Register;
import dev.bellows.trainer.control.ControlMessage.StepReport;
import dev.bellows.trainer.control.ControlMessage.Stop;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The coordinator with workers that the test turns by hand.
@Timeout(60)
class CoordinatorTest {
  private static final long RUN = 77;
  private static final long SECOND = 1_000_000_000;

  private final InProcessTransportProvider network = new InProcessTransportProvider();
  private final ControlEndpoint driver = network.openControl("driver", 0);
  private final List<String> committed = new CopyOnWriteArrayList<>();
  private final Queue<Hand> hands = new ArrayDeque<>();
  private CompletableFuture<RunReport> running = CompletableFuture.completedFuture(null);

  /// Commits into a list; step 13 brings bad luck.
  private final CheckpointCommitter committer =
      new CheckpointCommitter() {
        @Override
        public String commit(
            long step, int worldSize, List<PartReport> parts, String trainerState) {
          if (step == 13) {
            throw new IllegalStateException("disk full");
          }
          committed.add("commit " + step + " of " + worldSize);
          return "step-" + step;
        }

        @Override
        public void discard(long step) {
          committed.add("discard " + step);
        }
      };

  private final class Hand {
    private final ControlEndpoint endpoint = network.openControl("worker", 0);
    private final MessageCodec codec = new MessageCodec();
    private final Queue<ControlMessage> received = new ArrayDeque<>();
    private final int partition;

    Hand(int partition) {
      this.partition = partition;
      hands.add(this);
    }

    void register() {
      register(RUN);
    }

    void register(long runId) {
      Register plain = RosterTest.register(partition, 0, "h");
      Member self = plain.member();
      send(
          new Register(
              runId,
              new Member(
                  -1,
                  self.executor(),
                  self.host(),
                  self.pid(),
                  partition,
                  0,
                  endpoint.address(),
                  "d"),
              1,
              plain.fingerprint(),
              "",
              plain.memory(),
              plain.nonce()));
    }

    void send(ControlMessage message) {
      assertTrue(endpoint.send(driver.address(), codec.encode(message), SECOND));
    }

    /// The next message of `kind`; others are passed over.
    <T extends ControlMessage> T await(Class<T> kind) throws InterruptedException {
      long deadline = System.nanoTime() + 20 * SECOND;
      while (System.nanoTime() - deadline < 0) {
        endpoint.poll(bytes -> codec.decode(bytes).ifPresent(received::add));
        for (ControlMessage message = received.poll(); message != null; message = received.poll()) {
          if (kind.isInstance(message)) {
            return kind.cast(message);
          }
        }
        Thread.sleep(1);
      }
      throw new AssertionError("worker " + partition + " never received a " + kind.getSimpleName());
    }

    void finish(long step, boolean stopped) {
      send(new Finished(RUN, 1, partition, step, stopped));
    }

    void fail(int lostPeer, String sentence) {
      ErrorCategory category = lostPeer < 0 ? ErrorCategory.DATA : ErrorCategory.TRANSPORT;
      send(new Failure(RUN, 1, partition, 5, lostPeer, category, sentence, "trace"));
    }
  }

  private Coordinator start(int workers, Duration heartbeat, RunListener listener) {
    Coordinator coordinator =
        new Coordinator(
            new Coordinator.Settings(
                RUN, workers, "right", "from", 3, Duration.ofSeconds(20), heartbeat, 3),
            driver,
            committer,
            listener);
    running =
        CompletableFuture.supplyAsync(
            coordinator::run, task -> Thread.ofPlatform().daemon().name("coordinator").start(task));
    return coordinator;
  }

  private Coordinator start(int workers) {
    return start(workers, Duration.ofSeconds(10), new RunListener() {});
  }

  private RunReport report() throws Exception {
    return running.get(30, TimeUnit.SECONDS);
  }

  @AfterEach
  void close() {
    hands.forEach(hand -> hand.endpoint.close());
    driver.close();
  }

  private Hand joined(int partition) {
    Hand hand = new Hand(partition);
    hand.register();
    return hand;
  }

  @Test
  void admitsRanksAndEndsWhenAllHaveFinished() throws Exception {
    start(2);
    Hand one = joined(1);
    Hand zero = joined(0);
    Membership membership = zero.await(Membership.class);
    assertEquals(0, membership.rank());
    assertEquals(1, membership.generation());
    assertEquals("from", membership.resumeFrom());
    assertEquals(2, membership.members().size());
    assertEquals(1, one.await(Membership.class).rank());
    zero.send(new StepReport(RUN, 1, 4, 0.5, 1, 1, 1, 1, 0, 0, 0, false, 0, 0));
    zero.finish(4, false);
    one.finish(4, false);
    RunReport report = report();
    assertEquals(Outcome.FINISHED, report.outcome());
    assertEquals(4, report.step());
    assertEquals(0.5, report.loss());
    assertEquals("from", report.checkpoint());
  }

  @Test
  void answersARepeatedRegistrationAndRefusesALateOne() throws Exception {
    start(1);
    Hand zero = joined(0);
    zero.await(Membership.class);
    zero.register();
    assertEquals(0, zero.await(Membership.class).rank(), "the first answer may have been lost");
    Hand late = joined(7);
    assertEquals(
        "the run has started without this worker",
        late.await(ControlMessage.Refusal.class).sentence());
    zero.finish(4, false);
    assertEquals(Outcome.FINISHED, report().outcome());
  }

  @Test
  void dropsMessagesOfAnotherRunOrGeneration() throws Exception {
    start(1);
    Hand stranger = new Hand(0);
    stranger.register(RUN + 1);
    Hand zero = joined(0);
    assertEquals(1, zero.await(Membership.class).members().size());
    zero.send(new Failure(RUN + 1, 1, 0, 5, -1, ErrorCategory.DATA, "of another run", ""));
    zero.send(new Failure(RUN, 2, 0, 5, -1, ErrorCategory.DATA, "of another generation", ""));
    zero.send(new Finished(RUN, 1, 5, 4, false));
    zero.finish(4, false);
    assertEquals(Outcome.FINISHED, report().outcome());
  }

  @Test
  void repeatsTheStopUntilItIsObeyed() throws Exception {
    Coordinator coordinator = start(1, Duration.ofMillis(200), new RunListener() {});
    Hand zero = joined(0);
    zero.await(Membership.class);
    coordinator.requestStop();
    for (int i = 0; i < 4; i++) {
      zero.await(Stop.class);
      zero.send(new ControlMessage.Heartbeat(RUN, 1, 0, 0, 4, "training"));
    }
    zero.finish(5, true);
    assertEquals(Outcome.STOPPED, report().outcome());
    assertEquals("stopped after step 5", report().sentence());
  }

  @Test
  void stopsBeforeAllHaveCome() throws Exception {
    Coordinator coordinator = start(2, Duration.ofMillis(50), new RunListener() {});
    Hand zero = joined(0);
    zero.await(ControlMessage.Pulse.class);
    coordinator.requestStop();
    assertEquals(Outcome.STOPPED, report().outcome());
    zero.await(Abort.class);
  }

  @Test
  void prefersTheErrorToThePeersThatOnlyMissedIt() throws Exception {
    start(3);
    Hand zero = joined(0);
    Hand one = joined(1);
    Hand two = joined(2);
    two.await(Membership.class);
    zero.fail(1, "cannot reach rank 1");
    one.fail(-1, "file is gone");
    RunReport report = report();
    assertEquals(Outcome.FAILED, report.outcome());
    assertEquals(ErrorCategory.DATA, report.category());
    assertEquals(
        "rank 1 on host h (executor executor-1, pid 11) at step 5: file is gone",
        report.sentence());
    assertEquals("trace", report.detail());
    assertEquals(report.sentence(), two.await(Abort.class).reason());
  }

  @Test
  void namesThePeerWhenNobodyKnowsBetter() throws Exception {
    start(2, Duration.ofMillis(100), new RunListener() {});
    Hand zero = joined(0);
    Hand one = joined(1);
    zero.await(Membership.class);
    one.await(Membership.class);
    zero.fail(1, "rank 1 is gone");
    // It lives, for all that the driver hears, longer than anybody waits for a better explanation.
    while (!running.isDone()) {
      one.send(new ControlMessage.Heartbeat(RUN, 1, 1, 0, 4, "training"));
      Thread.sleep(20);
    }
    assertEquals(
        "rank 0 on host h (executor executor-0, pid 10) at step 5: rank 1 is gone",
        report().sentence());
    assertEquals(ErrorCategory.TRANSPORT, report().category());
  }

  @Test
  void namesTheSilentOneAndNotTheOneThatReportedAndLeft() throws Exception {
    start(2, Duration.ofMillis(200), new RunListener() {});
    Hand zero = joined(0);
    joined(1);
    zero.await(Membership.class);
    zero.fail(1, "rank 1 is gone");
    assertEquals(
        "worker rank 1 on host h (executor executor-1, pid 11) was lost at step 5: 3 heartbeats in"
            + " a row were missed",
        report().sentence());
  }

  @Test
  void tellsWhySparkLostTheExecutor() throws Exception {
    Coordinator coordinator = start(2);
    Hand zero = joined(0);
    joined(1);
    zero.await(Membership.class);
    coordinator.executorLost("executor-9", "somebody else's");
    coordinator.executorLost("executor-1", "killed by signal 9");
    RunReport report = report();
    assertEquals(ErrorCategory.TRANSPORT, report.category());
    assertTrue(
        report.sentence().endsWith("was lost at step 4: killed by signal 9"), report.sentence());
  }

  @Test
  void endsForACauseOutsideTheWorkers() throws Exception {
    start(2).fail(ErrorCategory.RESOURCE, "the job was cancelled");
    assertEquals("the job was cancelled", report().sentence());
    assertEquals(ErrorCategory.RESOURCE.exitCode(), report().exitCode());
  }

  private static CheckpointReport saved(int rank, long step, String failure) {
    return new CheckpointReport(
        RUN, 1, rank, step, MessageCodec.list(List.of()), "{}", failure, 0.25 * rank);
  }

  @Test
  void commitsWhenAllRanksHaveWrittenAndTellsAFailure() throws Exception {
    List<String> told = new CopyOnWriteArrayList<>();
    start(
        2,
        Duration.ofSeconds(10),
        new RunListener() {
          @Override
          public void checkpointCommitted(long step, String folder, double stallSeconds) {
            told.add(step + " in " + folder + " after " + stallSeconds);
          }

          @Override
          public void checkpointFailed(long step, String reason) {
            told.add(step + " failed: " + reason);
          }
        });
    Hand zero = joined(0);
    Hand one = joined(1);
    zero.await(Membership.class);
    zero.send(saved(0, 10, ""));
    one.send(saved(1, 10, ""));
    assertEquals(new CheckpointResult(RUN, 1, 10, true), zero.await(CheckpointResult.class));
    zero.send(saved(0, 11, ""));
    one.send(saved(1, 11, "no space"));
    assertEquals(new CheckpointResult(RUN, 1, 11, false), zero.await(CheckpointResult.class));
    zero.send(saved(0, 13, ""));
    one.send(saved(1, 13, ""));
    assertEquals(new CheckpointResult(RUN, 1, 13, false), zero.await(CheckpointResult.class));
    zero.send(saved(0, 14, ""));
    zero.fail(-1, "file is gone");
    RunReport report = report();
    assertEquals("step-10", report.checkpoint());
    assertEquals(List.of("commit 10 of 2", "discard 11", "discard 13", "discard 14"), committed);
    assertEquals(
        List.of(
            "10 in step-10 after 0.25",
            "11 failed: rank 1: no space",
            "13 failed: disk full",
            "14 failed: the run ended before all workers had written"),
        told);
  }

  @Test
  void anUnsavedEndIsAFailure() throws Exception {
    start(1);
    Hand zero = joined(0);
    zero.await(Membership.class);
    zero.send(saved(0, 13, ""));
    zero.await(CheckpointResult.class);
    zero.finish(13, false);
    assertEquals("step 13 is done but could not be saved: disk full", report().sentence());
    assertEquals(ErrorCategory.STORAGE, report().category());
  }

  // The worker's side

  private CoordinatorLink link(ControlEndpoint endpoint) {
    return new CoordinatorLink(RUN, endpoint, driver.address(), Duration.ofMillis(50), "test");
  }

  @Test
  void aWorkerLeavesADriverThatFellSilent() throws Exception {
    MessageCodec codec = new MessageCodec();
    try (ControlEndpoint endpoint = network.openControl("worker", 0);
        CoordinatorLink link = link(endpoint)) {
      Register register = RosterTest.register(0, 0, "h");
      Membership membership =
          new Membership(RUN, 1, 0, MessageCodec.list(List.of(register.member())), "");
      assertTrue(driver.send(endpoint.address(), codec.encode(membership), SECOND));
      assertEquals(membership, link.join(register, Duration.ofSeconds(20)));
      link.check();
      long start = System.nanoTime();
      RunEndedException end =
          assertThrows(RunEndedException.class, () -> checkUntil(link, start + 20 * SECOND));
      assertTrue(end.getMessage().contains("silent for 10 heartbeats"), end.getMessage());
    }
  }

  private static void checkUntil(CoordinatorLink link, long deadline) throws InterruptedException {
    while (System.nanoTime() - deadline < 0) {
      link.check();
      Thread.sleep(5);
    }
  }

  @Test
  void aWorkerLeavesWhenNobodyAnswersItsRegistration() {
    driver.close();
    try (ControlEndpoint endpoint = network.openControl("worker", 0);
        CoordinatorLink link = link(endpoint)) {
      RuntimeException silent =
          assertThrows(
              RuntimeException.class,
              () -> link.join(RosterTest.register(0, 0, "h"), Duration.ofSeconds(20)));
      assertInstanceOf(RunEndedException.class, silent);
    }
  }

  @Test
  void aWorkerTellsThatItWasRefusedAbortedOrInterrupted() {
    MessageCodec codec = new MessageCodec();
    for (ControlMessage answer :
        List.of(
            new ControlMessage.Refusal(RUN, ErrorCategory.RESOURCE, "too big"),
            new Abort(RUN, "too late"))) {
      try (ControlEndpoint endpoint = network.openControl("worker", 0);
          CoordinatorLink link = link(endpoint)) {
        assertTrue(driver.send(endpoint.address(), codec.encode(answer), SECOND));
        RuntimeException error =
            assertThrows(
                RuntimeException.class,
                () -> link.join(RosterTest.register(0, 0, "h"), Duration.ofSeconds(20)));
        assertEquals(answer instanceof Abort ? "too late" : "too big", error.getMessage());
      }
    }
    try (ControlEndpoint endpoint = network.openControl("worker", 0);
        CoordinatorLink link = link(endpoint)) {
      Thread.currentThread().interrupt();
      assertThrows(
          RunEndedException.class,
          () -> link.join(RosterTest.register(0, 0, "h"), Duration.ofSeconds(20)));
    }
  }
}
