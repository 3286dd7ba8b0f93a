package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.pipeline.PipelineActionException;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.BackendUnavailableException;
import dev.bellows.tensor.Backends;
import dev.bellows.trainer.config.ConfigException;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ControlMessage.Failure;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.Register;
import dev.bellows.trainer.control.CoordinatorLink;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.Member;
import dev.bellows.trainer.control.MemoryNeed;
import dev.bellows.trainer.control.RunEndedException;
import dev.bellows.trainer.data.DataException;
import dev.bellows.trainer.data.DataSplits;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One worker of a run, from registration to its last message. The same code runs in a Spark task and on a thread.
public final class Worker {
  private static final Logger LOG = LoggerFactory.getLogger(Worker.class);

  private final WorkerSpec spec;
  private final WorkerSite site;
  private final TransportProvider network;
  private final ModelFactory models;
  private final RunConfig config;
  private int generation;
  private int rank = -1;
  private volatile long step;

  private Worker(WorkerSpec spec, WorkerSite site, TransportProvider network, ModelFactory models) {
    this.spec = spec;
    this.site = site;
    this.network = network;
    this.models = models;
    this.config = ConfigLoader.load("config.yaml", spec.config(), List.of());
    if (config.transport().encryption() == spec.key().isNone()) {
      throw new IllegalStateException(
          "transport.encryption is "
              + config.transport().encryption()
              + ", but the worker was handed "
              + spec.key()
              + "; the launcher must hand out the driver's key exactly when it is true");
    }
  }

  /// Takes part in the run that `spec` describes until it ends. Returns whatever happens: what went wrong is reported to the coordinator.
  public static void run(
      WorkerSpec spec, WorkerSite site, TransportProvider network, ModelFactory models) {
    Worker worker = new Worker(spec, site, network, models);
    try (ControlEndpoint endpoint = network.openControl(site.address(), 0, spec.key());
        CoordinatorLink link =
            new CoordinatorLink(
                spec.runId(),
                endpoint,
                spec.coordinator(),
                worker.config.workers().heartbeat(),
                "worker-" + site.partition())) {
      try {
        worker.work(link, endpoint);
      } catch (RunEndedException e) {
        LOG.info("worker {} leaves: {}", site.partition(), e.getMessage());
      } catch (Throwable e) {
        link.send(worker.failure(e));
        LOG.error("worker {} failed", site.partition(), e);
      }
    }
  }

  private void work(CoordinatorLink link, ControlEndpoint endpoint) {
    try (Backend backend =
        Backends.open(
            config.backend().name(), BackendOptions.threads(config.workers().threads()))) {
      DataSplits data = DataSplits.open(config);
      Model model = models.create(config.model(), data.train().layout());
      ParallelPlan parallel = ParallelPlan.of(config, models, data.train().layout());
      Membership membership =
          link.join(
              registration(backend, parallel.memoryNeed(site), endpoint),
              config.workers().startTimeout());
      generation = membership.generation();
      rank = membership.rank();
      try (WorkerLog log = new WorkerLog(RunFolder.of(spec.folder()), generation, rank)) {
        train(membership, link, backend, data, model, parallel, log);
      }
    }
  }

  private void train(
      Membership membership,
      CoordinatorLink link,
      Backend backend,
      DataSplits data,
      Model model,
      ParallelPlan parallel,
      WorkerLog log) {
    log.line(
        membership.members().get(rank).describe()
            + " of "
            + membership.members().size()
            + ", "
            + backend.description());
    try (TrainingSession session =
        new TrainingSession(
            spec, config, membership, link, network, backend, data, model, parallel, log)) {
      session.run(completed -> step = completed);
      log.line("done at step " + step);
    } catch (RuntimeException | Error e) {
      log.failure(e);
      throw e;
    }
  }

  private Register registration(Backend backend, MemoryNeed need, ControlEndpoint endpoint) {
    Member self =
        new Member(
            -1,
            site.executor(),
            site.host(),
            ProcessHandle.current().pid(),
            site.partition(),
            site.attempt(),
            endpoint.address(),
            network.reserveDataAddress(site.address()));
    return new Register(
        spec.runId(),
        self,
        Runtime.getRuntime().availableProcessors(),
        backend.fingerprint(),
        backend.description(),
        need,
        RunFolder.of(spec.folder()).readNonce());
  }

  private Failure failure(Throwable e) {
    StringWriter stack = new StringWriter();
    e.printStackTrace(new PrintWriter(stack));
    String detail = stack.toString();
    return new Failure(
        spec.runId(),
        generation,
        rank,
        step + 1,
        e instanceof PeerLostException lost ? lost.peer() : -1,
        category(e),
        sentence(e),
        detail.substring(0, Math.min(detail.length(), 16_000)));
  }

  private String sentence(Throwable e) {
    String message = e.getMessage() == null ? e.toString() : e.getMessage();
    boolean expected = category(e) != ErrorCategory.INTERNAL || e instanceof BellowsException;
    String what = expected ? message : e.getClass().getSimpleName() + ": " + message;
    String text =
        PipelineActionException.of(e).map(place -> what + "; " + place.getMessage()).orElse(what);
    return rank >= 0 ? text : "a worker on host " + site.host() + " cannot start: " + text;
  }

  private static ErrorCategory category(Throwable e) {
    return switch (e) {
      case BellowsException bellows -> bellows.category();
      case ConfigException config -> ErrorCategory.CONFIGURATION;
      case DataException data -> ErrorCategory.DATA;
      case PeerLostException lost -> ErrorCategory.TRANSPORT;
      case BackendUnavailableException unavailable -> ErrorCategory.RESOURCE;
      case OutOfMemoryError memory -> ErrorCategory.RESOURCE;
      default -> ErrorCategory.INTERNAL;
    };
  }
}
