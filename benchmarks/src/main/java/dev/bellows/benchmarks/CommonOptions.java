package dev.bellows.benchmarks;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// Options that several benchmarks have. Filled by picocli.
final class CommonOptions {
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
      names = "--seed",
      defaultValue = "1",
      description = "of weights and batches (default ${DEFAULT-VALUE})")
  long seed;

  @Option(
      names = "--output",
      defaultValue = "target/bench",
      description = "folder of the JSON record (default ${DEFAULT-VALUE})")
  Path output;
}
