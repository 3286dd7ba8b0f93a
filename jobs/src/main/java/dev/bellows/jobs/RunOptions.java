package dev.bellows.jobs;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// The options that `train` and `resume` share.
final class RunOptions {
  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "KEY=VALUE",
      description = "Overrides of the configuration, such as workers.count=4.")
  List<String> overrides = new ArrayList<>();

  @Option(
      names = "--master",
      paramLabel = "URL",
      description = "Spark master, such as spark://host:7077; default: an embedded local cluster.")
  String master = "";

  @Option(
      names = "--local",
      description = "Run the workers on threads of this JVM, without Spark.")
  boolean local;

  @Option(
      names = "--stop-after",
      paramLabel = "STEP",
      description = "Save and stop after this step; the run can be resumed.")
  long stopAfter = Long.MAX_VALUE;

  /// The overrides, the master among them.
  List<String> all() {
    List<String> all = new ArrayList<>(overrides);
    if (!master.isEmpty()) {
      all.add("spark.master=" + master);
    }
    return all;
  }
}
