package dev.bellows.benchmarks;

import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// The command line of `bench collectives`. Filled by picocli.
@Command(
    mixinStandardHelpOptions = true,
    description =
        "Compares the all-reduce of two processes on this host with OpenMPI's and Gloo's, over"
            + " shared memory and over UDP.")
final class CollectivesOptions {
  @Option(
      names = "--rounds",
      defaultValue = "7",
      description = "rounds in which all sides take turns (default ${DEFAULT-VALUE})")
  int rounds;

  @Option(
      names = "--sizes",
      defaultValue = "64KiB,1MiB,16MiB,64MiB",
      description = "sizes of the buffer (default ${DEFAULT-VALUE})")
  String sizes;

  @Option(
      names = "--volume",
      defaultValue = "512",
      description =
          "MiB that the measured calls of a size and round sum together, 5 to 200 calls (default"
              + " ${DEFAULT-VALUE})")
  long volume;

  @Option(names = "--no-peer", description = "measure without OpenMPI")
  boolean noPeer;

  @Option(names = "--no-gloo", description = "measure without Gloo")
  boolean noGloo;

  @Option(names = "--no-udp", description = "measure shared memory only")
  boolean noUdp;

  @Option(
      names = "--output",
      defaultValue = "target/bench",
      description = "folder of the JSON record (default ${DEFAULT-VALUE})")
  Path output;
}
