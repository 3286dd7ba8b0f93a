package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.util.Statistics;

/// `bench kernels`: times each kernel of a GPT's step by JMH beside the least time that memory bandwidth and the product rate allow.
final class KernelBenchmark {
  private final KernelOptions options;
  private final GptShape shape;
  private final PrintStream out;

  KernelBenchmark(KernelOptions options, PrintStream out) {
    this.options = options;
    this.shape = options.gptShape();
    this.out = out;
  }

  /// Runs everything. Returns 0; a kernel that fails is an [IOException].
  int run() throws IOException {
    List<TimedKernel> kernels =
        KernelCatalogue.of(shape).stream()
            .filter(kernel -> kernel.name().contains(options.only))
            .toList();
    if (kernels.isEmpty()) {
      throw new IllegalArgumentException(
          "no kernel's name contains '"
              + options.only
              + "'; known are "
              + String.join(
                  ", ", KernelCatalogue.of(shape).stream().map(TimedKernel::name).toList()));
    }
    Map<String, Object> environment = Environment.describe();
    out.println("shape: " + shape + ", " + options.common.threads + " threads");
    Environment.warnWhenBusy(out);
    List<KernelLimits.Limit> limits = limits(kernels);
    List<Map<String, Object>> records = new ArrayList<>();
    Map<String, RunResult> results = measure(kernels);
    for (int i = 0; i < kernels.size(); i++) {
      TimedKernel kernel = kernels.get(i);
      Statistics nanos = results.get(kernel.name()).getPrimaryResult().getStatistics();
      records.add(report(kernel, limits.get(i), nanos));
    }
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("benchmark", "kernels");
    record.put("shape", shape.toString());
    record.put("threads", options.common.threads);
    record.put("quick", options.quick);
    record.put("kernels", records);
    record.put("jvmFlags", Environment.jvmFlags());
    record.put("environment", environment);
    out.println("record: " + JsonRecord.write("kernels", options.common.output, record));
    return 0;
  }

  /// Before the kernels, and with the threads gone afterwards: nothing runs beside what JMH measures.
  private List<KernelLimits.Limit> limits(List<TimedKernel> kernels) {
    long loopNanos = options.quick ? 1_000_000 : 100_000_000;
    BackendOptions threads = BackendOptions.threads(options.common.threads);
    try (Backend backend = Backends.open(options.common.backend, threads)) {
      out.println("ours: " + backend.description());
      KernelLimits limits = new KernelLimits(backend, kernels, loopNanos);
      out.printf(Locale.ROOT, "product rate: %.0f GFLOP/s%n", limits.productRate());
      return kernels.stream().map(limits::of).toList();
    }
  }

  /// JMH's results by kernel. Its own lines go to `kernels.log`.
  private Map<String, RunResult> measure(List<TimedKernel> kernels) throws IOException {
    // Two benchmarks at a time disturb each other; that is the caller's to avoid, and a stale lock
    // file is not.
    System.setProperty("jmh.ignoreLock", "true");
    Files.createDirectories(options.common.output);
    ChainedOptionsBuilder builder =
        new OptionsBuilder()
            .include("^" + KernelTiming.class.getName().replace(".", "\\.") + "\\.call$")
            .param("kernel", kernels.stream().map(TimedKernel::name).toArray(String[]::new))
            .param("shape", shape.toString())
            .param("backendName", options.common.backend)
            .param("computeThreads", Integer.toString(options.common.threads))
            .output(options.common.output.resolve("kernels.log").toString())
            .shouldFailOnError(true)
            .forks(options.quick ? 0 : 1)
            .warmupIterations(options.quick ? 1 : 5)
            .warmupTime(TimeValue.milliseconds(options.quick ? 5 : 300))
            .measurementIterations(options.quick ? 2 : 7)
            .measurementTime(TimeValue.milliseconds(options.quick ? 5 : 200));
    try {
      Map<String, RunResult> results = new LinkedHashMap<>();
      for (RunResult result : new Runner(builder.build()).run()) {
        results.put(result.getParams().getParam("kernel"), result);
      }
      return results;
    } catch (RunnerException e) {
      throw new IOException(
          "JMH could not measure a kernel; "
              + options.common.output.resolve("kernels.log")
              + " says why",
          e);
    }
  }

  private Map<String, Object> report(
      TimedKernel kernel, KernelLimits.Limit limit, Statistics nanos) {
    double median = nanos.getPercentile(50);
    out.printf(
        Locale.ROOT,
        "BENCH kernels name=%s us=%.2f limit_us=%.2f limit=%s rate=%.1f share=%.3f threads=%d%n",
        kernel.name(),
        median / 1e3,
        limit.nanos() / 1e3,
        limit.kind(),
        limit.rate(),
        limit.nanos() / median,
        options.common.threads);
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("name", kernel.name());
    record.put("medianNanos", median);
    record.put("fastestNanos", nanos.getMin());
    record.put("slowestNanos", nanos.getMax());
    record.put("flops", kernel.flops());
    record.put("bytes", kernel.bytes());
    record.put("limitNanos", limit.nanos());
    record.put("limit", limit.kind());
    record.put("limitRate", limit.rate());
    record.put("share", limit.nanos() / median);
    return record;
  }
}
