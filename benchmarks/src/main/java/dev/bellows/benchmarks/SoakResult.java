package dev.bellows.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToLongFunction;

/// What a soak saw.
///
/// @param samples memory along the way, the first ones of the warm-up too
/// @param warmup samples that the trends leave out, while code is compiled and caches fill
/// @param steps steps in all
/// @param complaint what closing said about leaked buffers
record SoakResult(List<Sample> samples, int warmup, int steps, Optional<String> complaint) {
  /// Memory after a number of steps.
  record Sample(int steps, SideProcess.Footprint footprint) {}

  /// Bytes that the trend of the heap in use after a collection grows by over all steps.
  double heapGrowth() {
    return growth(SideProcess.Footprint::heapBytes);
  }

  /// Bytes that the trend of the resident size grows by over all steps; the heap is touched beforehand, so this is native memory.
  double residentGrowth() {
    return growth(SideProcess.Footprint::residentBytes);
  }

  /// Bytes from the first settled sample to the last: what a single jump adds, which no trend sees. Compiled code makes some, so it may be four times a
  /// trend's.
  private long jump(ToLongFunction<SideProcess.Footprint> size) {
    return size.applyAsLong(samples.getLast().footprint)
        - size.applyAsLong(samples.get(warmup).footprint);
  }

  private double growth(ToLongFunction<SideProcess.Footprint> size) {
    List<Sample> settled = samples.subList(warmup, samples.size());
    double[] x = settled.stream().mapToDouble(Sample::steps).toArray();
    double[] y =
        settled.stream().mapToDouble(sample -> size.applyAsLong(sample.footprint)).toArray();
    return Trend.slope(x, y) * steps;
  }

  /// Buffers never released, as the closing pool counted them.
  long leakedBuffers() {
    String digits = complaint.orElse("0").replaceAll("\\D.*", "");
    return digits.isEmpty() ? 0 : Long.parseLong(digits);
  }

  boolean isFlat(long heapLimit, long residentLimit) {
    return heapGrowth() <= heapLimit
        && residentGrowth() <= residentLimit
        && jump(SideProcess.Footprint::heapBytes) <= 4 * heapLimit
        && jump(SideProcess.Footprint::residentBytes) <= 4 * residentLimit
        && complaint.isEmpty();
  }

  /// The line that scripts read.
  String line(boolean flat, SideProcess.Allocation allocation, double millis) {
    SideProcess.Footprint first = samples.get(warmup).footprint;
    SideProcess.Footprint last = samples.getLast().footprint;
    return String.format(
        Locale.ROOT,
        "BENCH soak flat=%s steps=%d ms_per_step=%.2f heap_growth_bytes=%.0f"
            + " resident_growth_bytes=%.0f heap_first_mib=%.2f heap_last_mib=%.2f"
            + " resident_first_mib=%.2f resident_last_mib=%.2f leaked_buffers=%d"
            + " heap_bytes_per_step=%.0f native_allocations_per_step=%.2f",
        flat,
        steps,
        millis,
        heapGrowth(),
        residentGrowth(),
        mib(first.heapBytes()),
        mib(last.heapBytes()),
        mib(first.residentBytes()),
        mib(last.residentBytes()),
        leakedBuffers(),
        allocation.heapBytesPerStep(),
        (double) allocation.nativeBuffers() / allocation.steps());
  }

  private static double mib(long bytes) {
    return bytes / 1048576.0;
  }
}
