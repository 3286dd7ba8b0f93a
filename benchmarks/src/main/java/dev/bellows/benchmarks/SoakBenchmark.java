package dev.bellows.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `bench soak`: trains a small GPT for thousands of steps in a process of its own and fails when its heap or its resident size has an upward trend,
/// or when a buffer was never released.
final class SoakBenchmark {
  /// The heap is touched at the start, so that what the resident size grows by later is native memory.
  private static final List<String> HEAP = List.of("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch");

  private final SoakOptions options;
  private final GptShape shape;
  private final PrintStream out;

  SoakBenchmark(SoakOptions options, PrintStream out) {
    if (options.samples < 4 || options.steps < options.samples) {
      throw new IllegalArgumentException(
          "a soak needs at least 4 samples and a step for each, not "
              + options.samples
              + " samples in "
              + options.steps
              + " steps");
    }
    this.options = options;
    this.shape = GptShape.parse(options.shape, GptShape.SMALL);
    this.out = out;
  }

  /// Runs everything. Returns 0, or 1 when memory grew.
  int run() throws IOException {
    Map<String, Object> environment = Environment.describe();
    try (WorkFolder work = WorkFolder.in(options.common.output)) {
      new EngineInputs(shape, work.path()).write(options.common.seed);
      Path log = options.common.output.resolve("soak.log");
      Files.deleteIfExists(log);
      out.println("model: " + shape + ", " + options.steps + " steps");
      SideStarter starter = new SideStarter(shape, work.path(), options.common.threads, log);
      List<String> own = List.of("backend=" + options.common.backend, "micro=" + shape.batch());
      try (SideProcess side = starter.bellows(HEAP, own)) {
        return soak(side, environment);
      }
    }
  }

  private int soak(SideProcess side, Map<String, Object> environment) throws IOException {
    List<SoakResult.Sample> samples = new ArrayList<>();
    List<Double> millis = new ArrayList<>();
    int done = 0;
    for (int sample = 1; sample <= options.samples; sample++) {
      int target = (int) ((long) options.steps * sample / options.samples);
      for (double step : side.steps(target - done).millis()) {
        millis.add(step);
      }
      done = target;
      samples.add(new SoakResult.Sample(done, side.footprint()));
    }
    SideProcess.Allocation allocation = side.allocation(10);
    Optional<String> complaint = side.end();
    SoakResult result = new SoakResult(samples, options.samples / 4, options.steps, complaint);
    boolean flat = result.isFlat(options.heapLimit, options.residentLimit);
    double median = EngineResult.median(millis.stream().mapToDouble(Double::doubleValue).toArray());
    String line = result.line(flat, allocation, median);
    explain(result);
    out.println(line);
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("benchmark", "soak");
    record.put("line", line);
    record.put("shape", shape.toString());
    record.put("threads", options.common.threads);
    record.put("samples", samples);
    record.put("environment", environment);
    out.println("record: " + JsonRecord.write("soak", options.common.output, record));
    return flat ? 0 : 1;
  }

  private void explain(SoakResult result) {
    if (result.heapGrowth() > options.heapLimit) {
      out.printf(
          "the Java heap grows by %.0f bytes over %d steps, allowed are %d%n",
          result.heapGrowth(), options.steps, options.heapLimit);
    }
    if (result.residentGrowth() > options.residentLimit) {
      out.printf(
          "the resident size grows by %.0f bytes over %d steps, allowed are %d%n",
          result.residentGrowth(), options.steps, options.residentLimit);
    }
    result.complaint().ifPresent(complaint -> out.println("closing found a leak: " + complaint));
  }
}
