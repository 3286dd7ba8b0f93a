package dev.bellows.trainer.control;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.trainer.control.ControlMessage.Heartbeat;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.Register;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A worker's link to the coordinator: one thread that beats the heart, sends what others queue, and receives. It never waits behind a
/// native call or a disk.
///
/// All public methods may be called by any thread.
public final class CoordinatorLink implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorLink.class);
  private static final long REGISTER_AGAIN_NANOS = Duration.ofMillis(500).toNanos();
  private static final long SEND_TIMEOUT_NANOS = Duration.ofMillis(500).toNanos();
  private static final long IDLE_NANOS = Duration.ofMillis(1).toNanos();
  private static final int MISSED_PULSES = 10;

  private final long runId;
  private final ControlEndpoint endpoint;
  private final String coordinator;
  private final long heartbeatNanos;
  private final MessageCodec codec = new MessageCodec();
  private final ConcurrentLinkedQueue<ControlMessage> outgoing = new ConcurrentLinkedQueue<>();
  private final Map<Long, Boolean> checkpointResults = new ConcurrentHashMap<>();
  private final Thread thread;

  private volatile Register registration;
  private volatile Membership membership;
  private volatile ControlMessage.Refusal refusal;
  private volatile boolean stopRequested;
  private volatile String ended;
  private volatile long step;
  private volatile String phase = "joining";
  private volatile long lastPulseNanos = System.nanoTime();
  private volatile boolean closing;

  /// A link over `endpoint`, which it borrows, to the coordinator at address `coordinator`.
  public CoordinatorLink(
      long runId, ControlEndpoint endpoint, String coordinator, Duration heartbeat, String name) {
    this.runId = runId;
    this.endpoint = endpoint;
    this.coordinator = coordinator;
    this.heartbeatNanos = heartbeat.toNanos();
    this.thread = Thread.ofPlatform().daemon().name("bellows-control-" + name).start(this::loop);
  }

  /// Registers and waits to be admitted. Errors: [BellowsException] when refused or not answered in time, [RunEndedException] when the
  /// run ended meanwhile.
  public Membership join(Register register, Duration timeout) {
    lastPulseNanos = System.nanoTime();
    registration = register;
    long deadline = System.nanoTime() + timeout.toNanos();
    while (membership == null) {
      if (refusal != null) {
        throw new BellowsException(refusal.category(), refusal.sentence());
      }
      if (ended != null) {
        throw new RunEndedException(ended);
      }
      if (System.nanoTime() - deadline > 0) {
        throw new BellowsException(
            ErrorCategory.TRANSPORT,
            "the driver at "
                + coordinator
                + " did not admit the worker on host "
                + register.member().host()
                + " within "
                + timeout.toSeconds()
                + " s; can this host reach the driver by UDP?");
      }
      if (Thread.interrupted()) {
        throw new RunEndedException(
            "the launcher asked the worker on host " + register.member().host() + " to leave");
      }
      LockSupport.parkNanos(IDLE_NANOS);
    }
    return membership;
  }

  /// Queues `message` for the coordinator.
  public void send(ControlMessage message) {
    outgoing.add(message);
  }

  /// What the heartbeat says: steps completed, and one word.
  public void progress(long completedSteps, String doing) {
    step = completedSteps;
    phase = doing;
  }

  /// Whether the coordinator wants the run to end at the next step boundary.
  public boolean isStopRequested() {
    return stopRequested;
  }

  /// Returns while the run goes on. Errors: [RunEndedException].
  public void check() {
    String reason = ended;
    if (reason != null) {
      throw new RunEndedException(reason);
    }
  }

  /// How the checkpoint of `savedStep` ended: committed or not; empty while it is under way.
  public Optional<Boolean> checkpointResult(long savedStep) {
    return Optional.ofNullable(checkpointResults.get(savedStep));
  }

  private void loop() {
    try {
      converse();
    } catch (RuntimeException e) {
      LOG.error("the link to the driver failed", e);
      ended = "the link to the driver at " + coordinator + " failed: " + e;
    }
  }

  private void converse() {
    long nextBeat = System.nanoTime();
    while (!closing || !outgoing.isEmpty()) {
      int work = endpoint.poll(this::onBytes) + flush();
      long now = System.nanoTime();
      if (now - nextBeat >= 0) {
        // Never later than a heartbeat, so that an admitted worker is not taken for a silent one.
        nextBeat =
            now
                + (membership == null
                    ? Math.min(REGISTER_AGAIN_NANOS, heartbeatNanos)
                    : heartbeatNanos);
        beat(now);
      }
      if (work == 0) {
        LockSupport.parkNanos(IDLE_NANOS);
      }
    }
  }

  private void beat(long now) {
    Membership current = membership;
    if (current != null) {
      Member self = current.members().get(current.rank());
      transmit(
          new Heartbeat(runId, current.generation(), current.rank(), self.attempt(), step, phase));
    } else if (registration != null && refusal == null) {
      transmit(registration);
    }
    // From the first registration on the driver answers by pulses, unless the run is over already.
    if (registration != null
        && now - lastPulseNanos > MISSED_PULSES * heartbeatNanos
        && ended == null) {
      ended =
          "the driver at " + coordinator + " has been silent for " + MISSED_PULSES + " heartbeats";
    }
  }

  private int flush() {
    int count = 0;
    for (ControlMessage message = outgoing.peek(); message != null; message = outgoing.peek()) {
      if (!transmit(message) && !closing) {
        break;
      }
      outgoing.poll();
      count++;
    }
    return count;
  }

  private boolean transmit(ControlMessage message) {
    return endpoint.send(coordinator, codec.encode(message), SEND_TIMEOUT_NANOS);
  }

  private void onBytes(byte[] bytes) {
    codec.decode(bytes).filter(message -> message.runId() == runId).ifPresent(this::onMessage);
  }

  private void onMessage(ControlMessage message) {
    lastPulseNanos = System.nanoTime();
    switch (message) {
      case Membership admitted -> membership = admitted;
      case ControlMessage.Refusal refused -> refusal = refused;
      case ControlMessage.Stop ignored -> stopRequested = true;
      case ControlMessage.Abort abort -> ended = abort.reason();
      case ControlMessage.CheckpointResult result ->
          checkpointResults.put(result.step(), result.committed());
      case ControlMessage.Pulse ignored -> {}
      // Sent by workers only; an echo of them is dropped.
      case Register ignored -> {}
      case Heartbeat ignored -> {}
      case ControlMessage.StepReport ignored -> {}
      case ControlMessage.EvaluationReport ignored -> {}
      case ControlMessage.CheckpointReport ignored -> {}
      case ControlMessage.Failure ignored -> {}
      case ControlMessage.Finished ignored -> {}
    }
  }

  /// Sends what is queued, as far as the coordinator takes it, and ends the thread.
  @Override
  public void close() {
    closing = true;
    boolean interrupted = false;
    try {
      thread.join(Duration.ofSeconds(5));
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
