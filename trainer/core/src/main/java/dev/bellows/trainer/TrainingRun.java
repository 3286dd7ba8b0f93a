package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.MeshAxis;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ControlMessage;
import dev.bellows.trainer.control.Coordinator;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.RunListener;
import dev.bellows.trainer.control.RunReport;
import dev.bellows.trainer.data.DataSplits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// The driver's side of one attempt at a run: checks what can be checked without a worker, finds the checkpoint to go on from, starts
/// coordinator and workers, and ends with a [RunReport].
///
/// [#run] is called once, by one thread; [#requestStop] by any thread.
public final class TrainingRun {
  /// How this attempt is asked to behave.
  ///
  /// @param stopAfter stop for good after this step, resumable; [Long#MAX_VALUE] for no early stop
  /// @param fresh delete what an earlier run left in the folder
  /// @param versions of Bellows and what it runs on, for the banner
  public record Options(long stopAfter, boolean fresh, String versions) {}

  private final RunConfig config;
  private final Options options;
  private final TransportProvider network;
  private final ModelFactory models;
  private final Consumer<String> out;
  private volatile Coordinator coordinator;
  private volatile boolean stopRequested;

  /// An attempt at the run that `config` describes; progress goes to `out`, a line at a time.
  public TrainingRun(
      RunConfig config,
      Options options,
      TransportProvider network,
      ModelFactory models,
      Consumer<String> out) {
    this.config = config;
    this.options = options;
    this.network = network;
    this.models = models;
    this.out = out;
  }

  /// Asks for a checkpoint at the next step boundary and the end of this attempt.
  public void requestStop() {
    stopRequested = true;
    Coordinator running = coordinator;
    if (running != null) {
      running.requestStop();
    }
  }

  /// Runs to the end. `launcher` is opened once everything is checked, and closed. Errors: [BellowsException] for what is found before the
  /// first worker starts; later failures are in the report.
  public RunReport run(Supplier<WorkerLauncher> launcher) {
    ParallelPlan.checkTrainable(config);
    DataSplits data = DataSplits.open(config);
    Model model = models.create(config.model(), data.train().layout());
    // Refuses what the workers cannot share before anything is deleted or written.
    Mesh mesh = ParallelPlan.of(config, models, data.train().layout()).mesh();
    RunFolder folder = RunFolder.of(config.run().folder());
    SecureRandom random = new SecureRandom();
    long runId = random.nextLong();
    RunCheckpoints checkpoints =
        new RunCheckpoints(
            folder,
            config,
            runId,
            UpdatePlan.of(config.optimizer(), model.parameters()).logical(),
            out);
    if (options.fresh()) {
      checkpoints.deleteAll();
    }
    ResumePoint resume = checkpoints.newest();
    checkProgress(resume);
    String nonce = Long.toHexString(random.nextLong());
    folder.writeNonce(nonce);
    writeConfig(folder);
    RunKey key = config.transport().encryption() ? RunKey.fresh() : RunKey.none();
    try (WorkerLauncher workers = launcher.get();
        ControlEndpoint endpoint = openControl(workers.driverAddress(), key);
        MetricsWriter metrics = new MetricsWriter(folder, resume.step(), model.rowsPerSample())) {
      ConsoleReporter console =
          new ConsoleReporter(
              headline(model, mesh, resume, workers),
              config.log().every(),
              config.batch().global(),
              out);
      coordinator =
          new Coordinator(
              settings(runId, nonce, resume),
              endpoint,
              checkpoints,
              new Listeners(List.of(metrics, console)));
      if (stopRequested) {
        coordinator.requestStop();
      }
      String yaml = ConfigLoader.toYaml(config);
      workers.launch(
          new WorkerSpec(runId, endpoint.address(), yaml, folder.path(), options.stopAfter(), key),
          config.workers().count(),
          coordinator);
      return coordinator.run();
    }
  }

  private ControlEndpoint openControl(String address, RunKey key) {
    try {
      return network.openControl(address, config.transport().controlPort(), key);
    } catch (IllegalStateException e) {
      throw new BellowsException(
          ErrorCategory.RESOURCE,
          "the driver cannot listen for its workers: "
              + e.getMessage()
              + " (transport.controlPort)",
          e);
    }
  }

  private void checkProgress(ResumePoint resume) {
    long end = Math.min(config.train().steps(), options.stopAfter());
    if (resume.step() >= end) {
      throw new BellowsException(
          ErrorCategory.CONFIGURATION,
          "the run in "
              + config.run().folder()
              + " is at step "
              + resume.step()
              + " and was asked for "
              + end
              + "; raise train.steps or --stop-after to go on, or start over with --fresh");
    }
  }

  private void writeConfig(RunFolder folder) {
    try {
      folder
          .store()
          .publish(folder.config(), ConfigLoader.toYaml(config).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new BellowsException(
          ErrorCategory.STORAGE, folder.config() + " cannot be written: " + e.getMessage(), e);
    }
  }

  private Coordinator.Settings settings(long runId, String nonce, ResumePoint resume) {
    return new Coordinator.Settings(
        runId,
        config.workers().count(),
        nonce,
        resume.folder(),
        resume.step(),
        config.workers().startTimeout(),
        config.workers().heartbeat(),
        config.workers().lostAfter());
  }

  /// `pipeline 2 · data 2`: degrees of 1 are left out, but data's.
  private String meshLine(Mesh mesh) {
    String degrees =
        Arrays.stream(MeshAxis.values())
            .filter(axis -> axis == MeshAxis.DATA || mesh.degree(axis) > 1)
            .map(axis -> axis.name().toLowerCase(Locale.ROOT) + " " + mesh.degree(axis))
            .collect(Collectors.joining(" · "));
    return degrees
        + (config.parallel().sequence() && mesh.tensor() > 1 ? " with sequence" : "")
        + (config.parallel().zero() > 0 ? ", ZeRO " + config.parallel().zero() : "");
  }

  private RunHeadline headline(Model model, Mesh mesh, ResumePoint resume, WorkerLauncher workers) {
    int rows = model.rowsPerSample();
    var batch = config.batch();
    String batchLine =
        batch.global()
            + " samples"
            + (rows > 1 ? " of " + rows + " tokens" : "")
            + " = "
            + batch.groups()
            + " groups × "
            + batch.microBatchesPerGroup()
            + " micro-batches × "
            + batch.micro();
    long parameterCount =
        model.parameters().stream()
            .filter(parameter -> !parameter.isTied())
            .mapToLong(parameter -> parameter.shape().elements())
            .sum();
    return new RunHeadline(
        config.run().name(),
        ConfigLoader.sha256(config),
        config.seed(),
        options.versions(),
        workers.description(),
        meshLine(mesh),
        model.toString(),
        parameterCount,
        batchLine,
        rows,
        resume.step(),
        config.train().steps(),
        resume.describe(config.workers().count()));
  }

  /// Tells several listeners, in order.
  private record Listeners(List<RunListener> all) implements RunListener {
    @Override
    public void registered(ControlMessage.Register registration, int count, int expected) {
      all.forEach(listener -> listener.registered(registration, count, expected));
    }

    @Override
    public void generationStarted(
        ControlMessage.Membership membership, List<ControlMessage.Register> registrations) {
      all.forEach(listener -> listener.generationStarted(membership, registrations));
    }

    @Override
    public void step(ControlMessage.StepReport report) {
      all.forEach(listener -> listener.step(report));
    }

    @Override
    public void evaluation(ControlMessage.EvaluationReport report) {
      all.forEach(listener -> listener.evaluation(report));
    }

    @Override
    public void checkpointCommitted(long step, String folder, double stallSeconds) {
      all.forEach(listener -> listener.checkpointCommitted(step, folder, stallSeconds));
    }

    @Override
    public void checkpointFailed(long step, String reason) {
      all.forEach(listener -> listener.checkpointFailed(step, reason));
    }

    @Override
    public void ended(RunReport report) {
      all.forEach(listener -> listener.ended(report));
    }
  }
}
