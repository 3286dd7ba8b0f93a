package dev.bellows.benchmarks;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;
import java.util.stream.IntStream;

/// What one run of `bench engine` measured.
///
/// @param shape model and batch
/// @param ours Bellows
/// @param theirs libtorch
record EngineResult(GptShape shape, Side ours, Side theirs) {
  /// One side.
  ///
  /// @param description versions, instruction set, threads
  /// @param losses of the first steps
  /// @param turns times of each step of each turn
  /// @param peakBytes largest resident size
  /// @param productRate plain fp32 matrix products, GFLOP/s
  record Side(
      String description,
      double[] losses,
      List<SideProcess.Steps> turns,
      long peakBytes,
      double productRate) {
    /// Median over all steps of all turns.
    double millis() {
      return median(turns.stream().flatMapToDouble(turn -> Arrays.stream(turn.millis())).toArray());
    }

    /// Median processor time of a step, all threads together: what is left to compare on a machine that others use too.
    double processorMillis() {
      return median(
          turns.stream().flatMapToDouble(turn -> Arrays.stream(turn.processorMillis())).toArray());
    }
  }

  /// Median; the mean of the middle two for an even count.
  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /// Speed of ours over theirs in each turn, from the turn's median steps: neighbours in time, so that a busy machine slows both.
  double[] ratios() {
    return IntStream.range(0, ours.turns.size())
        .mapToDouble(i -> median(theirs.turns.get(i).millis()) / median(ours.turns.get(i).millis()))
        .toArray();
  }

  /// Median of [#ratios].
  double ratio() {
    return median(ratios());
  }

  /// Largest difference of the two losses over the compared steps; infinite when one is not a number.
  double lossDifference() {
    double largest = 0;
    for (int i = 0; i < ours.losses.length; i++) {
      double difference = Math.abs(ours.losses[i] - theirs.losses[i]);
      largest = Math.max(largest, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
    }
    return largest;
  }

  double tokensPerSecond(Side side) {
    return shape.tokens() / side.millis() * 1e3;
  }

  /// Model FLOPs of our step over our product rate.
  double peakShare() {
    return shape.flopsPerStep() / (ours.millis() * 1e6) / ours.productRate;
  }

  void print(
      PrintStream out, EngineOptions options, List<LibtorchCalibration.Candidate> candidates) {
    for (int i = 0; i < ours.losses.length; i++) {
      out.printf(
          Locale.ROOT,
          "loss %d: ours %.7f, theirs %.7f%n",
          i + 1,
          ours.losses[i],
          theirs.losses[i]);
    }
    if (lossDifference() > options.tolerance) {
      out.println(
          "the losses differ by more than "
              + options.tolerance
              + ": the two sides do not compute the same thing");
    }
    out.println(benchLine(options, candidates));
  }

  /// The line that scripts read.
  String benchLine(EngineOptions options, List<LibtorchCalibration.Candidate> candidates) {
    double[] ratios = ratios();
    StringJoiner line = new StringJoiner(" ", "BENCH engine ", "");
    line.add(text("fp32_ratio=%.3f", ratio()));
    line.add(text("ratio_low=%.3f", Arrays.stream(ratios).min().orElseThrow()));
    line.add(text("ratio_high=%.3f", Arrays.stream(ratios).max().orElseThrow()));
    line.add(text("ours_tokens_per_second=%.0f", tokensPerSecond(ours)));
    line.add(text("theirs_tokens_per_second=%.0f", tokensPerSecond(theirs)));
    line.add(text("ours_ms=%.1f", ours.millis()));
    line.add(text("theirs_ms=%.1f", theirs.millis()));
    if (!candidates.isEmpty()) {
      line.add(text("theirs_shipped_ms=%.1f", candidates.getFirst().millis()));
    }
    line.add(text("ours_cpu_ms=%.1f", ours.processorMillis()));
    line.add(text("theirs_cpu_ms=%.1f", theirs.processorMillis()));
    line.add(text("loss_difference=%.1e", lossDifference()));
    line.add(text("rss_ratio=%.3f", (double) ours.peakBytes / theirs.peakBytes));
    line.add("ours_rss_mib=" + (ours.peakBytes >> 20));
    line.add("theirs_rss_mib=" + (theirs.peakBytes >> 20));
    line.add(text("ours_gemm_gflops=%.0f", ours.productRate));
    line.add(text("theirs_gemm_gflops=%.0f", theirs.productRate));
    line.add(text("peak_share=%.3f", peakShare()));
    line.add("threads=" + options.threads);
    return line.toString();
  }

  private static String text(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
