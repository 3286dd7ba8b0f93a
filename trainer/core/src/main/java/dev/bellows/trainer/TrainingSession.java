package dev.bellows.trainer;

import dev.bellows.checkpointing.Manifest;
import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.Model;
import dev.bellows.nn.Precision;
import dev.bellows.optimizers.LossScaler;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.tensor.CollectiveTensorGroup;
import dev.bellows.storage.FileStore;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ControlMessage.EvaluationReport;
import dev.bellows.trainer.control.ControlMessage.Finished;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.StepReport;
import dev.bellows.trainer.control.CoordinatorLink;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.data.DataSplits;
import dev.bellows.trainer.data.SampleOrder;
import dev.bellows.trainer.data.StepLoader;
import dev.bellows.trainer.data.ValidationLoader;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One rank's part in one generation: everything it allocates, in the order in which it is built, and the events at step borders. Owns all
/// of it until [#close].
final class TrainingSession implements TrainLoop.Events, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingSession.class);
  private static final long CONNECT_NANOS = Duration.ofSeconds(30).toNanos();
  private static final long PEER_SILENCE_NANOS = Duration.ofSeconds(60).toNanos();

  private final WorkerSpec spec;
  private final RunConfig config;
  private final Membership membership;
  private final CoordinatorLink link;
  private final WorkerLog log;
  private final LossScaler scaler;
  private final Resources owned = new Resources();

  private final StepLoader loader;
  private final Validation periodic;
  private final Validation complete;
  private final Checkpointer checkpointer;
  private final TrainLoop loop;
  private final long resumeStep;
  private LongConsumer progress = step -> {};

  TrainingSession(
      WorkerSpec spec,
      RunConfig config,
      Membership membership,
      CoordinatorLink link,
      TransportProvider network,
      Backend backend,
      DataSplits data,
      Model model,
      ParallelPlan parallel,
      WorkerLog log) {
    this.spec = spec;
    this.log = log;
    this.config = config;
    this.membership = membership;
    this.link = link;
    this.scaler = Recipe.lossScaler(config);
    boolean built = false;
    try {
      Transport transport = own(connect(network));
      own((AutoCloseable) () -> tellStrangers(transport));
      Collectives world =
          new Collectives(transport, (peer, waited) -> check(transport, peer, waited));
      RankGroups groups = RankGroups.of(config.mesh(), world);
      PartPlan plan =
          new PartPlan(
              config,
              parallel,
              model,
              UpdatePlan.of(config.optimizer(), model.parameters()),
              backend,
              precision(backend),
              groups,
              new CollectiveTensorGroup(groups.tensor(), config.parallel().sequence()));
      ModelPart part = own(plan.build());
      resumeStep = initialiseOrRestore(part);
      checkpointer =
          own(
              new Checkpointer(
                  spec,
                  config,
                  membership,
                  link,
                  part.state(),
                  part.state().savePlan(world),
                  scaler));
      SampleOrder order = new SampleOrder(config.seed(), data.train().samples());
      loader = own(new StepLoader(data.train(), order, config.batch(), part.groups(), backend));
      periodic =
          new Validation(
              part, own(validationLoader(data, backend, config.evaluate().samples())), groups);
      complete = new Validation(part, own(validationLoader(data, backend, 0)), groups);
      EndOfBatchSink sink =
          new EndOfBatchSink(
              backend,
              part,
              new StepVote(world, config.batch().groups()),
              groups.reportsLosses(),
              Recipe.schedule(config),
              config.optimizer().clip(),
              scaler);
      GradientEstimator estimator = part.estimator();
      loop = new TrainLoop(loader, estimator, sink, this);
      built = true;
    } finally {
      if (!built) {
        close();
      }
    }
  }

  /// The configured precision, or F32 where the device has no products of its operands. Ranks whose devices differ never share a run.
  private Precision precision(Backend backend) {
    Precision wanted = config.train().precision();
    if (backend.productTypes().contains(wanted.operands())) {
      return wanted;
    }
    log.line("this device multiplies no " + wanted.operands() + "; training in F32");
    LOG.warn(
        "{} multiplies no {}; rank {} trains in F32",
        backend.description(),
        wanted.operands(),
        membership.rank());
    return Precision.F32;
  }

  private Transport connect(TransportProvider network) {
    try {
      return network.open(transportOptions());
    } catch (IllegalStateException e) {
      // Too little shared memory, no free port: the transport's sentence says what to do.
      throw new BellowsException(ErrorCategory.RESOURCE, e.getMessage(), e);
    }
  }

  private void tellStrangers(Transport transport) {
    if (transport.strangers() > 0) {
      log.line(
          transport.strangers()
              + " packets of strangers reached this rank's ports and were dropped");
    }
  }

  private ValidationLoader validationLoader(DataSplits data, Backend backend, long samples) {
    return new ValidationLoader(data.validation(), samples, config.batch().micro(), backend);
  }

  private <T extends AutoCloseable> T own(T resource) {
    return owned.own(resource);
  }

  /// Gives the parameters and optimizer states their first values. Returns the steps that are behind them.
  private long initialiseOrRestore(ModelPart part) {
    if (membership.resumeFrom().isEmpty()) {
      part.initialise(config.seed());
      return 0;
    }
    try {
      FileStore files = RunFolder.of(spec.folder()).store();
      part.state().restore(files, membership.resumeFrom());
      part.restored();
      Manifest manifest = Manifest.read(files, membership.resumeFrom());
      LossScaleState.restore(manifest.trainer(), scaler);
      return manifest.step();
    } catch (IOException e) {
      throw new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
    }
  }

  private TransportOptions transportOptions() {
    List<Peer> peers =
        membership.members().stream()
            .map(
                member ->
                    new Peer(
                        member.rank(),
                        member.host(),
                        member.pid(),
                        member.dataAddress(),
                        member.attempt()))
            .toList();
    return new TransportOptions(
        spec.runId(),
        membership.generation(),
        membership.rank(),
        peers,
        config.transport().kind().name().toLowerCase(Locale.ROOT),
        config.transport().mtu(),
        CONNECT_NANOS,
        spec.key());
  }

  private void check(Transport transport, int peer, long waitedNanos) {
    link.check();
    if (transport.isLost(peer) || waitedNanos > PEER_SILENCE_NANOS) {
      throw new PeerLostException(
          peer,
          membership.members().get(peer).describe()
              + " cannot be reached"
              + (transport.isLost(peer)
                  ? ""
                  : ": it sent nothing for " + PEER_SILENCE_NANOS / 1_000_000_000 + " s"));
    }
  }

  /// Trains to the end or to a stop; tells `progress` every completed step.
  void run(LongConsumer progress) {
    this.progress = progress;
    progress.accept(resumeStep);
    loop.run(resumeStep, config.train().steps(), spec.stopAfter());
  }

  @Override
  public boolean stopRequested() {
    link.check();
    return link.isStopRequested();
  }

  @Override
  public void stepDone(long step, StepRecord record, double seconds) {
    progress.accept(step);
    link.progress(step, "training");
    if (step == resumeStep + 1 || step % config.log().every() == 0) {
      log.line(
          String.format(
              Locale.ROOT,
              "step %d loss %.6f, %.3f s, waiting for data %.3f s, communication %.3f s",
              step,
              record.loss(),
              seconds,
              record.dataSeconds(),
              record.communicationSeconds()));
    }
    if (membership.rank() == 0) {
      link.send(
          new StepReport(
              spec.runId(),
              membership.generation(),
              step,
              record.loss(),
              record.gradientNorm(),
              record.learningRate(),
              step * config.batch().global(),
              seconds,
              record.dataSeconds(),
              record.communicationSeconds(),
              record.memoryPeak(),
              record.skipped(),
              scaler.isOn() ? scaler.scale() : 0,
              scaler.skipped()));
    }
    boolean last = step == config.train().steps();
    if (!last && isDue(step, config.evaluate().every())) {
      evaluate(step, periodic);
    }
    if (!last && isDue(step, config.checkpoint().every())) {
      checkpointer.save(step);
    }
  }

  private static boolean isDue(long step, long every) {
    return every > 0 && step % every == 0;
  }

  private void evaluate(long step, Validation validation) {
    link.progress(step, "evaluating");
    long start = System.nanoTime();
    Validation.Result result = validation.run();
    if (membership.rank() == 0) {
      link.send(
          new EvaluationReport(
              spec.runId(),
              membership.generation(),
              step,
              result.loss(),
              result.accuracy(),
              result.rows(),
              (System.nanoTime() - start) / 1e9));
    }
  }

  @Override
  public void loopDone(long step, boolean stopped) {
    if (!stopped && step > resumeStep) {
      evaluate(step, complete);
    }
    if (step > resumeStep && !checkpointer.hasSaved(step)) {
      checkpointer.save(step);
    }
    checkpointer.awaitSettled();
    link.progress(step, "finished");
    link.send(
        new Finished(spec.runId(), membership.generation(), membership.rank(), step, stopped));
  }

  /// Releases everything.
  @Override
  public void close() {
    owned.close();
  }
}
