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
  /// A benchmark.
  private interface Benchmark {
    /// Runs with its own arguments and returns the exit code.
    int run(String[] arguments, PrintStream out) throws IOException;
  }

  private static final Map<String, Benchmark> BY_NAME =
      new TreeMap<>(Map.of("engine", Benchmarks::engine));

  private Benchmarks() {}

  /// Runs `arguments[0]` with the rest and ends the JVM with its exit code.
  public static void main(String[] arguments) {
    System.exit(run(arguments, System.out, System.err));
  }

  /// Runs benchmark `arguments[0]` with the remaining arguments and returns its exit code: 0 done, 1 a check of the
  /// benchmark failed or a side of it died, 2
  /// unknown name or bad arguments, said in one sentence on `errors`.
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

  private static int engine(String[] arguments, PrintStream out) throws IOException {
    EngineOptions options = new EngineOptions();
    CommandLine command = new CommandLine(options);
    command.parseArgs(arguments);
    if (command.isUsageHelpRequested()) {
      command.usage(out);
      return 0;
    }
    return new EngineBenchmark(options, out).run();
  }
}
