package dev.bellows.benchmarks;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/// A comparison's result in words and as the line that scripts read.
///
/// @param result what was measured
/// @param options command line
/// @param candidates what the calibration of each libtorch side tried
record EngineReport(
    EngineResult result,
    EngineOptions options,
    Map<Entrant, List<LibtorchCalibration.Candidate>> candidates) {

  /// Whether every one of our sides lost what its peer lost.
  boolean lossesAgree() {
    return result.ours().stream().allMatch(this::lossesAgree);
  }

  private boolean lossesAgree(Entrant ours) {
    return result.lossDifference(ours) <= tolerance(ours);
  }

  private double tolerance(Entrant ours) {
    return switch (ours.precision()) {
      case FP32 -> options.tolerance;
      case BF16 -> options.bf16Tolerance * result.side(ours.peer()).losses()[0];
    };
  }

  void print(PrintStream out) {
    for (Entrant ours : result.ours()) {
      double[] mine = result.side(ours).losses();
      double[] theirs = result.side(ours.peer()).losses();
      for (int i = 0; i < mine.length; i++) {
        out.printf(
            Locale.ROOT,
            "%s loss %d: ours %.7f, theirs %.7f%n",
            ours.precision(),
            i + 1,
            mine[i],
            theirs[i]);
      }
      if (!lossesAgree(ours)) {
        out.printf(
            Locale.ROOT,
            "the %s losses differ by more than %.2e: the two sides do not compute the same thing%n",
            ours.precision(),
            tolerance(ours));
      }
    }
    out.println(line());
  }

  /// `BENCH engine fp32_ratio=… bf16_ratio=… key=value …`; keys of the bf16 sides start with `bf16_`.
  String line() {
    StringJoiner line = new StringJoiner(" ", "BENCH " + options.benchmark() + " ", "");
    for (Entrant ours : result.ours()) {
      line.add(text(ratioKey(ours) + "=%.3f", result.ratio(ours)));
    }
    for (Entrant ours : result.ours()) {
      add(line, ours, ours.precision() == SidePrecision.FP32 ? "" : ours.precision() + "_");
    }
    line.add("threads=" + options.common.threads);
    return line.toString();
  }

  /// `fp32_ratio`, `bf16_ratio`; of other benchmarks than the engine's `mlp_ratio`, `mlp_bf16_ratio`.
  private String ratioKey(Entrant ours) {
    if (options.benchmark().equals("engine")) {
      return ours.precision() + "_ratio";
    }
    return options.benchmark()
        + (ours.precision() == SidePrecision.FP32 ? "" : "_" + ours.precision())
        + "_ratio";
  }

  private void add(StringJoiner line, Entrant ours, String prefix) {
    Entrant theirs = ours.peer();
    String rows = result.shape().takesIds() ? "tokens" : "samples";
    double[] ratios = result.ratios(ours);
    line.add(text(prefix + "ratio_low=%.3f", Arrays.stream(ratios).min().orElseThrow()));
    line.add(text(prefix + "ratio_high=%.3f", Arrays.stream(ratios).max().orElseThrow()));
    if (ours.precision() == SidePrecision.BF16) {
      line.add(prefix + "rival=" + result.rival(ours));
    }
    line.add(text(prefix + "ours_" + rows + "_per_second=%.0f", result.rowsPerSecond(ours)));
    line.add(text(prefix + "theirs_" + rows + "_per_second=%.0f", result.rowsPerSecond(theirs)));
    EngineResult.Side mine = result.side(ours);
    EngineResult.Side peer = result.side(theirs);
    line.add(text(prefix + "ours_ms=%.1f", mine.millis()));
    line.add(text(prefix + "theirs_ms=%.1f", peer.millis()));
    if (!candidates.getOrDefault(theirs, List.of()).isEmpty()) {
      line.add(text(prefix + "theirs_shipped_ms=%.1f", candidates.get(theirs).getFirst().millis()));
    }
    line.add(text(prefix + "ours_cpu_ms=%.1f", mine.processorMillis()));
    line.add(text(prefix + "theirs_cpu_ms=%.1f", peer.processorMillis()));
    line.add(text(prefix + "loss_difference=%.1e", result.lossDifference(ours)));
    line.add(text(prefix + "rss_ratio=%.3f", result.memoryRatio(ours)));
    line.add(prefix + "ours_rss_mib=" + (mine.peakBytes() >> 20));
    line.add(prefix + "theirs_rss_mib=" + (peer.peakBytes() >> 20));
    line.add(text(prefix + "heap_bytes_per_step=%.0f", mine.allocation().heapBytesPerStep()));
    line.add(
        text(
            prefix + "native_allocations_per_step=%.2f",
            (double) mine.allocation().nativeBuffers() / mine.allocation().steps()));
    line.add(text(prefix + "peak_share=%.3f", result.peakShare(ours)));
    line.add(text(prefix + "ours_gemm_gflops=%.0f", mine.productRate()));
    line.add(text(prefix + "theirs_gemm_gflops=%.0f", peer.productRate()));
  }

  private static String text(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
