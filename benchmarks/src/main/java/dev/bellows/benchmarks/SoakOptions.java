package dev.bellows.benchmarks;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The command line of `bench soak`. Filled by picocli.
@Command(
    mixinStandardHelpOptions = true,
    description = "Trains a small GPT for many steps and fails when heap or native memory grows.")
final class SoakOptions {
  @Mixin CommonOptions common;

  @Option(
      names = "--shape",
      defaultValue = "layers=2,heads=4,width=64,context=64,batch=8,vocabulary=65",
      description = "the GPT's sizes (default ${DEFAULT-VALUE})")
  String shape;

  @Option(
      names = "--steps",
      defaultValue = "5000",
      description = "steps in all (default ${DEFAULT-VALUE})")
  int steps;

  @Option(
      names = "--samples",
      defaultValue = "50",
      description = "how often memory is read, evenly spread (default ${DEFAULT-VALUE})")
  int samples;

  @Option(
      names = "--heap-limit",
      defaultValue = "1048576",
      description =
          "bytes that the trend of the heap may grow by over all steps (default ${DEFAULT-VALUE})")
  long heapLimit;

  @Option(
      names = "--resident-limit",
      defaultValue = "16777216",
      description =
          "bytes that the trend of the resident size may grow by over all steps (default"
              + " ${DEFAULT-VALUE})")
  long residentLimit;
}
