package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/// What each side took in each round, by side and size. Sides: `ipc`, `udp_65504`, `udp_8192`, `udp_1408` are ours, `mpi`, `mpi_tcp` and `gloo` the peers'.
final class CollectivesResult {
  private final Map<String, Map<String, List<ReduceTiming>>> sides = new LinkedHashMap<>();
  private final List<ReducePlan> plans;
  private final ReducePlan reference;

  /// `reference` is the size of the ratios that have no size in their name.
  CollectivesResult(List<ReducePlan> plans, ReducePlan reference) {
    this.plans = plans;
    this.reference = reference;
  }

  void add(String side, ReducePlan plan, ReduceTiming timing) {
    sides
        .computeIfAbsent(side, key -> new LinkedHashMap<>())
        .computeIfAbsent(plan.size(), key -> new ArrayList<>())
        .add(timing);
  }

  private List<ReduceTiming> rounds(String side, ReducePlan plan) {
    return sides.getOrDefault(side, Map.of()).getOrDefault(plan.size(), List.of());
  }

  /// The median over the rounds of theirs over ours, each the median call of its round: above 1 we are faster.
  private double ratio(String ours, String theirs, ReducePlan plan) {
    List<ReduceTiming> mine = rounds(ours, plan);
    List<ReduceTiming> other = rounds(theirs, plan);
    double[] ratios = new double[Math.min(mine.size(), other.size())];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = other.get(i).medianNanos() / mine.get(i).medianNanos();
    }
    return EngineResult.median(ratios);
  }

  private boolean has(String side, ReducePlan plan) {
    return !rounds(side, plan).isEmpty();
  }

  /// Bytes of the buffer over the median time, in GB/s.
  private double bandwidth(String side, ReducePlan plan) {
    double[] nanos = rounds(side, plan).stream().mapToDouble(ReduceTiming::medianNanos).toArray();
    return plan.bytes() / EngineResult.median(nanos);
  }

  /// Heap bytes per call of ours over shared memory, barrier included: of the quietest round of each size, as now and then a thread is charged
  /// some bytes once at no call in particular; the size with most.
  private double heapBytesPerCall() {
    return sides.get("ipc").values().stream()
        .mapToDouble(
            rounds ->
                rounds.stream().mapToDouble(ReduceTiming::heapBytesPerCall).min().orElseThrow())
        .max()
        .orElseThrow();
  }

  /// `BENCH collectives ratio_16MiB=… key=value …`; ratios of sides that did not run are absent.
  String line() {
    StringJoiner line = new StringJoiner(" ", "BENCH collectives ", "");
    for (ReducePlan plan : plans) {
      addRatio(line, "ratio_" + plan.size(), "ipc", "mpi", plan);
    }
    addRatio(line, "gloo_ratio", "ipc", "gloo", reference);
    addRatio(line, "udp_ratio", "udp_65504", "mpi_tcp", reference);
    for (String side : sides.keySet()) {
      for (ReducePlan plan : plans) {
        if (has(side, plan)) {
          String key = side + "_" + plan.size() + "_gbps";
          line.add(String.format(Locale.ROOT, "%s=%.2f", key, bandwidth(side, plan)));
        }
      }
    }
    line.add(String.format(Locale.ROOT, "heap_bytes_per_call=%.1f", heapBytesPerCall()));
    return line.toString();
  }

  private void addRatio(
      StringJoiner line, String key, String ours, String theirs, ReducePlan plan) {
    if (has(ours, plan) && has(theirs, plan)) {
      line.add(String.format(Locale.ROOT, "%s=%.3f", key, ratio(ours, theirs, plan)));
    }
  }

  /// Every measurement, ready for a JSON record: side, size, round, call.
  Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    sides.forEach(
        (side, sizes) -> {
          Map<String, Object> bySize = new LinkedHashMap<>();
          sizes.forEach(
              (size, rounds) ->
                  bySize.put(
                      size,
                      Map.of(
                          "nanos", rounds.stream().map(ReduceTiming::nanos).toList(),
                          "heapBytesPerCall",
                              rounds.stream().map(ReduceTiming::heapBytesPerCall).toList())));
          facts.put(side, bySize);
        });
    return facts;
  }
}
