package dev.bellows.jobs;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/// The options that `train` and `resume` share.
final class RunOptions {
  @Option(
      names = "--master",
      paramLabel = "URL",
      description = "Spark master, such as spark://host:7077; default: an embedded local cluster.")
  String master = "";

  @Option(names = "--local", description = "Run the workers on threads of this JVM, without Spark.")
  boolean local;

  @Option(
      names = "--stop-after",
      paramLabel = "STEP",
      description = "Save and stop after this step; the run can be resumed.")
  long stopAfter = Long.MAX_VALUE;

  /// `overrides` and what the options add to them.
  List<String> added(List<String> overrides) {
    List<String> all = new ArrayList<>(overrides);
    if (!master.isEmpty()) {
      all.add("spark.master=" + master);
    }
    return all;
  }
}
