package dev.bellows.benchmarks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// The command line of `bench engine`. Filled by picocli.
@Command(
    name = "engine",
    mixinStandardHelpOptions = true,
    description =
        "Trains the same GPT here and in libtorch, alternating, and prints the ratio of their"
            + " speeds.")
final class EngineOptions {
  @Option(
      names = "--shape",
      defaultValue = "",
      description = "sizes that differ from the default, such as layers=2,width=64")
  String shape;

  @Option(
      names = "--threads",
      defaultValue = "2",
      description = "compute threads of each side (default ${DEFAULT-VALUE})")
  int threads;

  @Option(
      names = "--backend",
      defaultValue = "cpu",
      description = "our backend (default ${DEFAULT-VALUE})")
  String backend;

  @Option(
      names = "--micro",
      defaultValue = "0",
      description = "our micro-batch; 0: the whole batch (default ${DEFAULT-VALUE})")
  int micro;

  @Option(
      names = "--alternations",
      defaultValue = "5",
      description = "turns of each side (default ${DEFAULT-VALUE})")
  int alternations;

  @Option(
      names = "--steps",
      defaultValue = "4",
      description = "steps of a turn (default ${DEFAULT-VALUE})")
  int steps;

  @Option(
      names = "--warmup",
      defaultValue = "10",
      description = "steps of each side before the first turn (default ${DEFAULT-VALUE})")
  int warmup;

  @Option(
      names = "--calibration",
      defaultValue = "3",
      description =
          "steps to judge a setting of libtorch; 0: no calibration (default ${DEFAULT-VALUE})")
  int calibration;

  @Option(
      names = "--kernels",
      defaultValue = "SKYLAKEX",
      description = "OPENBLAS_CORETYPE without calibration (default ${DEFAULT-VALUE})")
  String kernels;

  @Option(
      names = "--tolerance",
      defaultValue = "1e-4",
      description = "largest difference of the two losses (default ${DEFAULT-VALUE})")
  double tolerance;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "of weights and batches (default ${DEFAULT-VALUE})")
  long seed;

  @Option(
      names = "--profile",
      defaultValue = "false",
      description = "also say where our milliseconds go")
  boolean profile;

  @Option(
      names = "--output",
      defaultValue = "target/bench",
      description = "folder of the JSON record (default ${DEFAULT-VALUE})")
  Path output;

  GptShape gptShape() {
    return GptShape.parse(shape, GptShape.SMALL);
  }

  /// Arguments of our side's process.
  List<String> bellowsArguments(Optional<Path> profileFile) {
    List<String> arguments =
        new ArrayList<>(
            List.of("backend=" + backend, "micro=" + (micro == 0 ? gptShape().batch() : micro)));
    profileFile.ifPresent(file -> arguments.add("profile=" + file));
    return arguments;
  }
}
