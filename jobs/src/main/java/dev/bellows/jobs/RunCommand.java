package dev.bellows.jobs;

import dev.bellows.trainer.LocalLauncher;
import dev.bellows.trainer.ModelFactory;
import dev.bellows.trainer.TrainingRun;
import dev.bellows.trainer.WorkerLauncher;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.RunReport;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/// What `train` and `resume` do once they have a configuration: run, stop on SIGTERM or Ctrl-C at a step boundary, and print the sample.
final class RunCommand {
  private static final int SIGNAL_EXIT = 128;

  private final RunConfig config;
  private final RunOptions options;
  private final boolean fresh;
  private final AtomicInteger signalled = new AtomicInteger();

  RunCommand(RunConfig config, RunOptions options, boolean fresh) {
    this.config = config;
    this.options = options;
    this.fresh = fresh;
  }

  int execute() {
    if (!options.local) {
      // Before anything is deleted or started.
      SparkSecurity.check(config, SparkSettings.of(config));
    }
    ModelFactory models = new ConfiguredModels();
    TrainingRun run =
        new TrainingRun(
            config,
            new TrainingRun.Options(options.stopAfter, fresh, Versions.line()),
            WorkerTask.network(),
            models,
            System.out::println);
    stopOn("TERM", 15, run);
    stopOn("INT", 2, run);
    Supplier<WorkerLauncher> launcher =
        options.local
            ? () -> new LocalLauncher(WorkerTask.network(), models)
            : () -> new SparkLauncher(config);
    RunReport report = run.run(launcher);
    if (report.outcome() == RunReport.Outcome.FAILED) {
      System.err.println("error: " + report.sentence());
      if (!report.checkpoint().isEmpty()) {
        System.err.println(
            "The newest checkpoint is "
                + report.checkpoint()
                + "; go on with: bellows resume "
                + config.run().folder());
      }
      return report.exitCode();
    }
    if (report.outcome() == RunReport.Outcome.FINISHED && config.generate().length() > 0) {
      System.out.println(new Sampler(config, report.checkpoint()).sample());
    }
    return signalled.get() == 0 ? report.exitCode() : SIGNAL_EXIT + signalled.get();
  }

  /// The first signal asks for a stop at the next step boundary, the second ends the process at once.
  private void stopOn(String name, int number, TrainingRun run) {
    Signals.handle(
        name,
        () -> {
          if (signalled.getAndSet(number) != 0) {
            Runtime.getRuntime().halt(SIGNAL_EXIT + number);
          }
          run.requestStop();
        });
  }
}
