package dev.bellows.jobs;

import dev.bellows.tensor.BackendUnavailableException;
import dev.bellows.trainer.config.ConfigException;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.data.DataException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// The command line: `./bellows VERB …`, and the main class of `spark-submit --class dev.bellows.jobs.Bellows … VERB …`.
@Command(
    name = "bellows",
    description = "Distributed training of neural networks on Spark.",
    mixinStandardHelpOptions = true,
    versionProvider = Versions.class,
    subcommands = {
      TrainCommand.class,
      ResumeCommand.class,
      PlanCommand.class,
      GenerateCommand.class,
      CheckpointCommand.class,
      DoctorCommand.class
    },
    footer = {
      "",
      "The launcher ./bellows adds: bench NAME, test [--full] [module …], format, build.",
      "Exit codes: 0 done, 1 a bug of ours, 2 configuration, 3 data, 4 NaN or infinite values,",
      "5 memory, disk or ports, 6 a worker was lost, 7 storage, 143 stopped by SIGTERM, 130 by"
          + " Ctrl-C."
    })
public final class Bellows implements Runnable {
  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace behind an error.")
  boolean stacktrace;

  @CommandLine.Spec CommandLine.Model.CommandSpec spec;

  private Bellows() {}

  /// Runs the verb in `args` and exits with its code.
  public static void main(String[] args) {
    System.exit(run(args));
  }

  static int run(String... args) {
    Bellows bellows = new Bellows();
    return new CommandLine(bellows)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(
            (error, line, parsed) -> bellows.explain(error, line.getErr()))
        .execute(args);
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(
        spec.commandLine(), "a verb is missing, such as: bellows train conf/gpt-nano.yaml");
  }

  private int explain(Exception error, PrintWriter err) {
    ErrorCategory category =
        switch (error) {
          case BellowsException bellows -> bellows.category();
          case ConfigException config -> ErrorCategory.CONFIGURATION;
          case DataException data -> ErrorCategory.DATA;
          case BackendUnavailableException unavailable -> ErrorCategory.RESOURCE;
          case IllegalArgumentException argument -> ErrorCategory.CONFIGURATION;
          default -> ErrorCategory.INTERNAL;
        };
    String message = error.getMessage() == null ? error.toString() : error.getMessage();
    err.println(
        category == ErrorCategory.INTERNAL && !(error instanceof BellowsException)
            ? "error: "
                + error.getClass().getSimpleName()
                + ": "
                + message
                + " (a bug of ours; --stacktrace shows where)"
            : "error: " + message);
    if (stacktrace) {
      error.printStackTrace(err);
    }
    return category.exitCode();
  }
}
