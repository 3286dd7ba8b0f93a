package dev.bellows.trainer.control;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.trainer.control.ControlMessage.CheckpointReport;
import dev.bellows.trainer.control.ControlMessage.Failure;
import dev.bellows.trainer.control.ControlMessage.Heartbeat;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.Register;
import dev.bellows.trainer.control.FirstCause.Strength;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/// The part of the driver that admits workers, assigns ranks, starts the generation, listens to heartbeats, commits checkpoints, and finds
/// the first cause when something fails.
///
/// One thread runs [#run]; [#requestStop], [#executorLost] and [#fail] may be called by any thread.
public final class Coordinator {
  /// What a coordinator is told at its start.
  ///
  /// @param runId random number of this attempt
  /// @param workers how many make a generation
  /// @param nonce what the driver wrote into the run folder
  /// @param resumeFrom folder of the checkpoint to restore, or empty
  /// @param resumeStep its step, or 0
  /// @param startTimeout how long registration may take
  /// @param heartbeat between two signs of life
  /// @param missed heartbeats until a worker counts as lost
  public record Settings(
      long runId,
      int workers,
      String nonce,
      String resumeFrom,
      long resumeStep,
      Duration startTimeout,
      Duration heartbeat,
      int missed) {}

  private static final int GENERATION = 1;
  private static final long SEND_TIMEOUT_NANOS = Duration.ofMillis(500).toNanos();

  private final Settings settings;
  private final ControlEndpoint endpoint;
  private final RunListener listener;
  private final CheckpointLedger checkpoints;
  private final MessageCodec codec = new MessageCodec();
  private final ConcurrentLinkedQueue<Runnable> requests = new ConcurrentLinkedQueue<>();
  private final FirstCause cause;
  private final Roster roster;
  private final long startNanos = System.nanoTime();

  private List<Member> members = List.of();
  private long[] lastHeardNanos = new long[0];
  private final BitSet finished = new BitSet();
  private final BitSet failed = new BitSet();
  private boolean stopRequested;
  private boolean stopped;
  private long nextPulseNanos;
  private long step;
  private double loss = Double.NaN;
  private double validationLoss = Double.NaN;
  private double validationAccuracy = Double.NaN;

  /// A coordinator that reaches its workers through `endpoint`, which it borrows.
  public Coordinator(
      Settings settings,
      ControlEndpoint endpoint,
      CheckpointCommitter committer,
      RunListener listener) {
    this.settings = settings;
    this.endpoint = endpoint;
    this.listener = listener;
    this.roster = new Roster(settings.workers(), settings.nonce());
    this.checkpoints =
        new CheckpointLedger(settings.workers(), committer, listener, settings.resumeFrom());
    this.step = settings.resumeStep();
    this.cause = new FirstCause(settings.heartbeat().toNanos(), settings.missed());
  }

  /// Asks the workers to save a checkpoint at the next step boundary and end.
  public void requestStop() {
    requests.add(
        () -> {
          stopRequested = true;
          broadcast(new ControlMessage.Stop(settings.runId(), GENERATION));
        });
  }

  /// Says that Spark lost the executor called `executor`, and why.
  public void executorLost(String executor, String reason) {
    requests.add(
        () -> {
          for (Member member : members) {
            if (member.executor().equals(executor) && !finished.get(member.rank())) {
              lost(member, Strength.EXECUTOR_LOST, reason);
            }
          }
        });
  }

  /// Ends the run for a cause outside the workers.
  public void fail(ErrorCategory category, String sentence) {
    requests.add(() -> cause.add(Strength.OWN_ERROR, category, sentence, "", System.nanoTime()));
  }

  /// Runs until every worker has finished or the run has failed; tells the survivors to end in that case.
  public RunReport run() {
    RunReport report = null;
    while (report == null) {
      int work = endpoint.poll(this::onBytes) + drainRequests();
      long now = System.nanoTime();
      work += pulse(now);
      checkDeadlines(now);
      checkpoints.poll().ifPresent(this::broadcastResult);
      report = verdict(now);
      if (work == 0 && report == null) {
        LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
      }
    }
    listener.ended(report);
    return report;
  }

  private int drainRequests() {
    int count = 0;
    for (Runnable request = requests.poll(); request != null; request = requests.poll()) {
      request.run();
      count++;
    }
    return count;
  }

  private int pulse(long now) {
    if (now - nextPulseNanos < 0) {
      return 0;
    }
    nextPulseNanos = now + settings.heartbeat().toNanos();
    // Dead receivers may take a quarter of the time between two pulses, or the living would miss
    // theirs.
    long patience = settings.heartbeat().toNanos() / (4L * settings.workers());
    broadcast(new ControlMessage.Pulse(settings.runId(), GENERATION), patience);
    if (stopRequested) {
      broadcast(new ControlMessage.Stop(settings.runId(), GENERATION), patience);
    }
    return 1;
  }

  private void checkDeadlines(long now) {
    if (members.isEmpty()) {
      if (stopRequested) {
        stopped = true;
      } else if (now - startNanos > settings.startTimeout().toNanos()) {
        cause.add(
            Strength.OWN_ERROR,
            ErrorCategory.RESOURCE,
            "only "
                + roster.count()
                + " of "
                + settings.workers()
                + " workers registered within "
                + settings.startTimeout().toSeconds()
                + " s; is there room for them on the cluster, and can they reach the driver at "
                + endpoint.address()
                + " by UDP?",
            "",
            now);
      }
      return;
    }
    long silence = settings.heartbeat().toNanos() * settings.missed();
    for (Member member : members) {
      boolean left = finished.get(member.rank()) || failed.get(member.rank());
      if (!left && now - lastHeardNanos[member.rank()] > silence) {
        lost(member, Strength.SILENT, settings.missed() + " heartbeats in a row were missed");
      }
    }
  }

  private void lost(Member member, Strength strength, String reason) {
    cause.add(
        strength,
        ErrorCategory.TRANSPORT,
        "worker " + member.describe() + " was lost at step " + (step + 1) + ": " + reason,
        "",
        System.nanoTime());
  }

  /// The end of the run, once it is known; null before.
  private RunReport verdict(long now) {
    if (cause.decideAt().isPresent() && now - cause.decideAt().getAsLong() >= 0) {
      broadcast(new ControlMessage.Abort(settings.runId(), cause.sentence()));
      checkpoints.abandon();
      return report(Outcome.FAILED, cause.category(), cause.sentence(), cause.detail());
    }
    if (members.isEmpty() && stopped) {
      broadcast(new ControlMessage.Abort(settings.runId(), "stopped before the first step"));
      return report(Outcome.STOPPED, ErrorCategory.INTERNAL, "stopped before the first step", "");
    }
    if (!members.isEmpty() && finished.cardinality() == members.size() && checkpoints.isSettled()) {
      Optional<String> unsaved = checkpoints.failureOf(step);
      if (unsaved.isPresent()) {
        return report(
            Outcome.FAILED,
            ErrorCategory.STORAGE,
            "step " + step + " is done but could not be saved: " + unsaved.get(),
            "");
      }
      return stopped
          ? report(Outcome.STOPPED, ErrorCategory.INTERNAL, "stopped after step " + step, "")
          : report(Outcome.FINISHED, ErrorCategory.INTERNAL, "finished at step " + step, "");
    }
    return null;
  }

  private RunReport report(
      Outcome outcome, ErrorCategory category, String sentence, String detail) {
    checkpoints.close();
    while (checkpoints.poll().isPresent()) {
      // What was under way at the end is told too.
    }
    return new RunReport(
        outcome,
        step,
        loss,
        validationLoss,
        validationAccuracy,
        checkpoints.newest(),
        (System.nanoTime() - startNanos) / 1e9,
        category,
        sentence,
        detail);
  }

  private void onBytes(byte[] bytes) {
    codec
        .decode(bytes)
        .filter(message -> message.runId() == settings.runId())
        .ifPresent(this::onMessage);
  }

  private void onMessage(ControlMessage message) {
    switch (message) {
      case Register register -> onRegister(register);
      case Heartbeat beat -> heard(beat.generation(), beat.rank());
      case ControlMessage.StepReport report -> onStep(report);
      case ControlMessage.EvaluationReport report -> onEvaluation(report);
      case CheckpointReport report -> onCheckpoint(report);
      case Failure failure -> onFailure(failure);
      case ControlMessage.Finished end -> onFinished(end);
      // Sent by the coordinator only; an echo of them is dropped.
      case ControlMessage.Refusal ignored -> {}
      case Membership ignored -> {}
      case ControlMessage.Pulse ignored -> {}
      case ControlMessage.CheckpointResult ignored -> {}
      case ControlMessage.Stop ignored -> {}
      case ControlMessage.Abort ignored -> {}
    }
  }

  private void onRegister(Register registration) {
    String address = registration.member().controlAddress();
    if (!members.isEmpty()) {
      resendMembership(registration.member());
      return;
    }
    int before = roster.count();
    var refusal = roster.admit(registration);
    if (refusal.isPresent()) {
      send(address, refusal.get());
      cause.add(
          Strength.OWN_ERROR,
          refusal.get().category(),
          refusal.get().sentence(),
          "",
          System.nanoTime());
      return;
    }
    if (roster.count() > before) {
      listener.registered(registration, roster.count(), settings.workers());
    }
    if (roster.isComplete()) {
      startGeneration();
    }
  }

  private void startGeneration() {
    members = roster.members();
    lastHeardNanos = new long[members.size()];
    Arrays.fill(lastHeardNanos, System.nanoTime());
    for (Member member : members) {
      send(member.controlAddress(), membership(member.rank()));
    }
    listener.generationStarted(membership(0), roster.ranked());
  }

  /// A registration after the start is a lost answer of ours, or a replacement, which this version does not admit.
  private void resendMembership(Member asking) {
    for (Member member : members) {
      if (member.partition() == asking.partition() && member.attempt() == asking.attempt()) {
        send(member.controlAddress(), membership(member.rank()));
        return;
      }
    }
    send(
        asking.controlAddress(),
        new ControlMessage.Refusal(
            settings.runId(), ErrorCategory.TRANSPORT, "the run has started without this worker"));
  }

  private Membership membership(int rank) {
    return new Membership(
        settings.runId(), GENERATION, rank, MessageCodec.list(members), settings.resumeFrom());
  }

  private boolean heard(int generation, int rank) {
    boolean known = generation == GENERATION && rank >= 0 && rank < members.size();
    if (known) {
      lastHeardNanos[rank] = System.nanoTime();
    }
    return known;
  }

  private void onStep(ControlMessage.StepReport report) {
    step = Math.max(step, report.step());
    loss = report.loss();
    listener.step(report);
  }

  private void onEvaluation(ControlMessage.EvaluationReport report) {
    validationLoss = report.loss();
    validationAccuracy = report.accuracy();
    listener.evaluation(report);
  }

  private void onCheckpoint(CheckpointReport report) {
    if (heard(report.generation(), report.rank())) {
      checkpoints.add(report);
    }
  }

  private void broadcastResult(ControlMessage.CheckpointResult result) {
    broadcast(
        new ControlMessage.CheckpointResult(
            settings.runId(), GENERATION, result.step(), result.committed()));
  }

  private void onFailure(Failure failure) {
    if (failure.rank() >= 0 && !heard(failure.generation(), failure.rank())) {
      return;
    }
    if (failure.rank() >= 0) {
      failed.set(failure.rank());
      // Rank 0's report of the last completed step may still be on its way.
      step = Math.max(step, failure.step() - 1);
    }
    cause.add(
        failure.lostPeer() < 0 ? Strength.OWN_ERROR : Strength.PEER_UNREACHABLE,
        failure.category(),
        sentence(failure),
        failure.detail(),
        System.nanoTime());
  }

  /// The failure with its place, unless all ranks found it together.
  private String sentence(Failure failure) {
    boolean common = failure.rank() < 0 || failure.category() == ErrorCategory.NUMERIC;
    return common
        ? failure.sentence()
        : members.get(failure.rank()).describe()
            + " at step "
            + failure.step()
            + ": "
            + failure.sentence();
  }

  private void onFinished(ControlMessage.Finished end) {
    if (heard(end.generation(), end.rank())) {
      finished.set(end.rank());
      stopped |= end.stopped();
      step = Math.max(step, end.step());
    }
  }

  private void broadcast(ControlMessage message) {
    broadcast(message, SEND_TIMEOUT_NANOS);
  }

  private void broadcast(ControlMessage message, long timeoutNanos) {
    List<Member> receivers = new ArrayList<>(members.isEmpty() ? roster.members() : members);
    for (Member member : receivers) {
      if (!finished.get(member.rank()) || members.isEmpty()) {
        send(member.controlAddress(), message, timeoutNanos);
      }
    }
  }

  private void send(String address, ControlMessage message) {
    send(address, message, SEND_TIMEOUT_NANOS);
  }

  private void send(String address, ControlMessage message, long timeoutNanos) {
    // A message that cannot be handed over is repeated by its nature (pulse, membership) or its
    // receiver is lost, which silence will show.
    boolean unused = endpoint.send(address, codec.encode(message), timeoutNanos);
  }
}
