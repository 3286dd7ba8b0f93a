package dev.bellows.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// What one comparison measured.
///
/// @param shape model and batch
/// @param sides each process that took turns
record EngineResult(ModelShape shape, Map<Entrant, Side> sides) {
  /// One side.
  ///
  /// @param description versions, instruction set, threads
  /// @param settings what was chosen for it
  /// @param losses of the first steps
  /// @param turns times of each step of each turn
  /// @param peakBytes largest resident size
  /// @param allocation what warm steps allocate
  /// @param productRate plain matrix products in the side's precision, GFLOP/s
  record Side(
      String description,
      String settings,
      double[] losses,
      List<SideProcess.Steps> turns,
      long peakBytes,
      SideProcess.Allocation allocation,
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

  Side side(Entrant entrant) {
    return sides.get(entrant);
  }

  /// Our sides that took part.
  List<Entrant> ours() {
    return sides.keySet().stream().filter(Entrant::isOurs).toList();
  }

  /// Whom `ours` is held against: libtorch in fp32 for fp32; for bf16 the faster of libtorch's fp32 and its bf16 autocast.
  Entrant rival(Entrant ours) {
    Entrant peer = ours.peer();
    return ours.precision() == SidePrecision.BF16
            && side(Entrant.THEIRS_FP32).millis() < side(peer).millis()
        ? Entrant.THEIRS_FP32
        : peer;
  }

  /// Speed of ours over the rival's in each turn, from the turn's median steps: neighbours in time, so that a busy machine slows both.
  double[] ratios(Entrant ours) {
    List<SideProcess.Steps> mine = side(ours).turns;
    List<SideProcess.Steps> theirs = side(rival(ours)).turns;
    return IntStream.range(0, mine.size())
        .mapToDouble(i -> median(theirs.get(i).millis()) / median(mine.get(i).millis()))
        .toArray();
  }

  /// Median of [#ratios].
  double ratio(Entrant ours) {
    return median(ratios(ours));
  }

  /// Largest difference of the losses of `ours` and its peer over the compared steps; infinite when one is not a number.
  double lossDifference(Entrant ours) {
    double[] mine = side(ours).losses;
    double[] theirs = side(ours.peer()).losses;
    double largest = 0;
    for (int i = 0; i < mine.length; i++) {
      double difference = Math.abs(mine[i] - theirs[i]);
      largest = Math.max(largest, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
    }
    return largest;
  }

  /// Peak memory of ours over that of libtorch in the same precision.
  double memoryRatio(Entrant ours) {
    return (double) side(ours).peakBytes / side(ours.peer()).peakBytes;
  }

  double rowsPerSecond(Entrant entrant) {
    return shape.rows() / side(entrant).millis() * 1e3;
  }

  /// Model FLOPs of our step over our product rate in the same precision.
  double peakShare(Entrant ours) {
    Side side = side(ours);
    return shape.flopsPerStep() / (side.millis() * 1e6) / side.productRate;
  }
}
