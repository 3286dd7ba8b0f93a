package dev.bellows.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/// Finds a benchmark by name and runs it: what `bellows bench NAME …` calls.
public final class Benchmarks {
  /// A benchmark whose command line has been read.
  @FunctionalInterface
  private interface Run {
    /// Runs and returns the exit code.
    int run(PrintStream out) throws IOException;
  }

  /// A benchmark.
  @FunctionalInterface
  private interface Benchmark {
    /// Reads `arguments` and runs. Returns the exit code.
    int run(String[] arguments, PrintStream out) throws IOException;
  }

  private static final Map<String, Benchmark> BY_NAME =
      new TreeMap<>(
          Map.of(
              "engine",
              (arguments, out) -> comparison("engine", arguments, out),
              "mlp",
              (arguments, out) -> comparison("mlp", arguments, out),
              "collectives",
              Benchmarks::collectives,
              "soak",
              Benchmarks::soak,
              "kernels",
              Benchmarks::kernels));

  private Benchmarks() {}

  /// Runs `arguments[0]` with the rest and ends the JVM with its exit code.
  public static void main(String[] arguments) {
    System.exit(run(arguments, System.out, System.err));
  }

  /// Runs benchmark `arguments[0]` with the remaining arguments and returns its exit code: 0 done, 1 a check of the
  /// benchmark failed or a side of it died, 2 unknown name or bad arguments, said in one sentence on `errors`.
  public static int run(String[] arguments, PrintStream out, PrintStream errors) {
    Benchmark benchmark = arguments.length == 0 ? null : BY_NAME.get(arguments[0]);
    if (benchmark == null) {
      errors.println(
          (arguments.length == 0
                  ? "bench needs a name"
                  : "there is no benchmark called " + arguments[0])
              + "; known are "
              + String.join(", ", BY_NAME.keySet()));
      return 2;
    }
    try {
      return benchmark.run(Arrays.copyOfRange(arguments, 1, arguments.length), out);
    } catch (ParameterException | IllegalArgumentException e) {
      errors.println("bench " + arguments[0] + ": " + e.getMessage());
      return 2;
    } catch (IOException | UncheckedIOException e) {
      errors.println("bench " + arguments[0] + ": " + e.getMessage());
      return 1;
    }
  }

  private static int comparison(String name, String[] arguments, PrintStream out)
      throws IOException {
    EngineOptions options = new EngineOptions(name);
    return parsed(name, options, arguments, out, to -> new EngineBenchmark(options, to).run());
  }

  private static int soak(String[] arguments, PrintStream out) throws IOException {
    SoakOptions options = new SoakOptions();
    return parsed("soak", options, arguments, out, to -> new SoakBenchmark(options, to).run());
  }

  private static int collectives(String[] arguments, PrintStream out) throws IOException {
    CollectivesOptions options = new CollectivesOptions();
    return parsed(
        "collectives", options, arguments, out, to -> new CollectivesBenchmark(options, to).run());
  }

  private static int kernels(String[] arguments, PrintStream out) throws IOException {
    KernelOptions options = new KernelOptions();
    return parsed("kernels", options, arguments, out, to -> new KernelBenchmark(options, to).run());
  }

  /// Fills `options` from `arguments`, then prints the help or runs.
  private static int parsed(
      String name, Object options, String[] arguments, PrintStream out, Run run)
      throws IOException {
    CommandLine command = new CommandLine(options).setCommandName("bellows bench " + name);
    command.parseArgs(arguments);
    if (command.isUsageHelpRequested()) {
      command.usage(out);
      return 0;
    }
    return run.run(out);
  }
}
