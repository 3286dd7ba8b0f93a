package dev.bellows.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Finds libtorch's best settings on this machine by short runs, one choice after the other: OpenMP waits, OpenBLAS kernels, the C
/// allocator, attention, AdamW.
final class LibtorchCalibration {
  /// Keeps freed memory in the process; otherwise every large tensor is mapped, zeroed by the kernel and unmapped again.
  static final Map<String, String> KEEP_MEMORY =
      Map.of(
          "MALLOC_ARENA_MAX",
          "1",
          "MALLOC_MMAP_MAX_",
          "0",
          "MALLOC_TRIM_THRESHOLD_",
          "17179869184",
          "MALLOC_TOP_PAD_",
          "67108864");

  private static final Map<String, String> HUGE_PAGES =
      Map.of("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

  /// Starts a libtorch side with the given options.
  @FunctionalInterface
  interface Starter {
    SideProcess start(LibtorchOptions options) throws IOException;
  }

  /// One measured candidate.
  ///
  /// @param options its settings
  /// @param millis its fastest step
  record Candidate(LibtorchOptions options, double millis) {}

  private final Starter starter;
  private final int steps;
  private final List<Candidate> measured = new ArrayList<>();

  /// Measures with `steps` steps after one warm-up step.
  LibtorchCalibration(Starter starter, int steps) {
    this.starter = starter;
    this.steps = steps;
  }

  /// The best settings found in `precision` for a model that has attention or not. The first candidate in [#measured] is libtorch as shipped.
  LibtorchOptions best(SidePrecision precision, boolean hasAttention, Set<String> instructionSets)
      throws IOException {
    Candidate best = measure(LibtorchOptions.AS_SHIPPED.in(precision));
    best = better(best, best.options().with(Map.of("OMP_WAIT_POLICY", "PASSIVE")));
    LibtorchOptions base = best.options();
    for (String kernels : kernels(instructionSets)) {
      best = better(best, base.with(Map.of("OPENBLAS_CORETYPE", kernels)));
    }
    best = better(best, best.options().withFusedAdamW(true));
    if (hasAttention) {
      best = better(best, best.options().withFusedAttention(false));
    }
    best = better(best, best.options().with(KEEP_MEMORY));
    best = better(best, best.options().with(HUGE_PAGES));
    return best.options();
  }

  /// Every candidate, in the order of measuring.
  List<Candidate> measured() {
    return List.copyOf(measured);
  }

  /// OpenBLAS kernels that this processor can execute.
  private static List<String> kernels(Set<String> instructionSets) {
    List<String> names = new ArrayList<>();
    if (instructionSets.contains("avx2")) {
      names.add("HASWELL");
    }
    if (instructionSets.contains("avx512f") && instructionSets.contains("avx512vl")) {
      names.add("SKYLAKEX");
      if (instructionSets.contains("avx512_bf16")) {
        names.add("COOPERLAKE");
      }
      if (instructionSets.contains("amx_tile")) {
        names.add("SAPPHIRERAPIDS");
      }
    }
    return names;
  }

  private Candidate better(Candidate best, LibtorchOptions options) throws IOException {
    Candidate candidate = measure(options);
    return candidate.millis() < best.millis() ? candidate : best;
  }

  private Candidate measure(LibtorchOptions options) throws IOException {
    try (SideProcess side = starter.start(options)) {
      side.steps(1);
      double millis = Arrays.stream(side.steps(steps).millis()).min().orElseThrow();
      Candidate candidate = new Candidate(options, millis);
      measured.add(candidate);
      return candidate;
    }
  }
}
