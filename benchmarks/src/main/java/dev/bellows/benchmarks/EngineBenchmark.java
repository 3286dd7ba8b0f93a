package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// `bench engine` and `bench mlp`: train the same model here and in libtorch and print how the speeds compare.
///
/// Each side is a process of its own, so that the idle ones sleep and nobody's threads disturb another's; all start from the same weights and see
/// the same batches. Steps: calibrate libtorch in each precision, compare [#PARITY_STEPS] losses, warm up, take turns, read peak memory, count what our
/// steps allocate, measure the product rates.
final class EngineBenchmark {
  /// Steps whose losses are compared, from the first weights on.
  static final int PARITY_STEPS = 5;

  private final EngineOptions options;
  private final ModelShape shape;
  private final PrintStream out;
  private final WorkFolder work;
  private final Path log;
  private final SideStarter starter;

  EngineBenchmark(EngineOptions options, PrintStream out) throws IOException {
    this.options = options;
    this.shape = options.modelShape();
    this.out = out;
    checkPrecisions();
    this.work = WorkFolder.in(options.common.output);
    this.log = options.common.output.resolve(options.benchmark() + ".log");
    this.starter = new SideStarter(shape, work.path(), options.common.threads, log);
  }

  /// Before anything is written or calibrated, which takes minutes.
  private void checkPrecisions() {
    BackendOptions threads = BackendOptions.threads(options.common.threads);
    try (Backend backend = Backends.open(options.common.backend, threads)) {
      for (Entrant entrant : options.entrants()) {
        if (entrant.isOurs()) {
          BellowsSide.checkPrecision(backend, entrant.precision());
        }
      }
    }
  }

  /// Runs everything. Returns the exit code: 0, or 1 when the losses differ.
  int run() throws IOException {
    try (work) {
      Map<String, Object> environment = Environment.describe();
      Files.deleteIfExists(log);
      new EngineInputs(shape, work.path()).write(options.common.seed);
      out.println(
          "model: "
              + shape
              + ", "
              + shape.weightCount()
              + " weights, "
              + options.common.threads
              + " threads");
      Environment.warnWhenBusy(out);
      Map<Entrant, List<LibtorchCalibration.Candidate>> candidates = new EnumMap<>(Entrant.class);
      Map<Entrant, LibtorchOptions> peers = new EnumMap<>(Entrant.class);
      for (Entrant entrant : options.entrants()) {
        if (!entrant.isOurs()) {
          candidates.put(entrant, new ArrayList<>());
          peers.put(entrant, choosePeer(entrant.precision(), candidates.get(entrant)));
        }
      }
      EngineResult result = compare(peers);
      EngineReport report = new EngineReport(result, options, candidates);
      report.print(out);
      Path record = new EngineRecord(options, environment, candidates).write(result, report);
      out.println("record: " + record);
      if (options.profile) {
        for (Entrant entrant : result.ours()) {
          profile(entrant.precision());
        }
      }
      return report.lossesAgree() ? 0 : 1;
    }
  }

  private LibtorchOptions choosePeer(
      SidePrecision precision, List<LibtorchCalibration.Candidate> candidates) throws IOException {
    if (options.calibration() == 0) {
      // What calibrations found: in bf16 libtorch's fused attention makes a step four times as
      // long.
      return LibtorchOptions.AS_SHIPPED
          .in(precision)
          .with(Map.of("OMP_WAIT_POLICY", "PASSIVE", "OPENBLAS_CORETYPE", options.kernels))
          .with(LibtorchCalibration.KEEP_MEMORY)
          .withFusedAttention(precision == SidePrecision.FP32)
          .withFusedAdamW(true);
    }
    LibtorchCalibration calibration =
        new LibtorchCalibration(starter::libtorch, options.calibration());
    LibtorchOptions best =
        calibration.best(precision, shape.takesIds(), Environment.instructionSets());
    candidates.addAll(calibration.measured());
    for (LibtorchCalibration.Candidate candidate : candidates) {
      out.printf(Locale.ROOT, "libtorch %8.1f ms  %s%n", candidate.millis(), candidate.options());
    }
    return best;
  }

  private EngineResult compare(Map<Entrant, LibtorchOptions> peers) throws IOException {
    Map<Entrant, SideProcess> sides = new EnumMap<>(Entrant.class);
    try {
      for (Entrant entrant : options.entrants()) {
        String settings = settings(entrant, peers);
        sides.put(entrant, entrant.isOurs() ? ours(entrant) : starter.libtorch(peers.get(entrant)));
        out.println(entrant + ": " + sides.get(entrant).description() + ", " + settings);
      }
      return measure(sides, peers);
    } finally {
      sides.values().forEach(SideProcess::close);
    }
  }

  private String settings(Entrant entrant, Map<Entrant, LibtorchOptions> peers) {
    return entrant.isOurs()
        ? String.join(" ", options.bellowsArguments(entrant.precision(), Optional.empty()))
        : peers.get(entrant).toString();
  }

  private SideProcess ours(Entrant entrant) throws IOException {
    return starter.bellows(
        List.of("-Xmx1g"), options.bellowsArguments(entrant.precision(), Optional.empty()));
  }

  private EngineResult measure(
      Map<Entrant, SideProcess> sides, Map<Entrant, LibtorchOptions> peers) {
    Map<Entrant, double[]> losses = new EnumMap<>(Entrant.class);
    Map<Entrant, List<SideProcess.Steps>> turns = new EnumMap<>(Entrant.class);
    sides.forEach((entrant, side) -> losses.put(entrant, side.steps(PARITY_STEPS).losses()));
    sides.forEach((entrant, side) -> side.steps(options.warmup()));
    for (int turn = 0; turn < options.alternations; turn++) {
      StringBuilder line = new StringBuilder("turn " + (turn + 1));
      sides.forEach(
          (entrant, side) -> {
            SideProcess.Steps steps = side.steps(options.steps());
            turns.computeIfAbsent(entrant, key -> new ArrayList<>()).add(steps);
            double median = EngineResult.median(steps.millis());
            line.append(String.format(Locale.ROOT, ", %s %.1f ms", entrant, median));
          });
      out.println(line);
    }
    // Memory before the rates: their square operands are no part of a step.
    Map<Entrant, Long> peaks = new EnumMap<>(Entrant.class);
    sides.forEach((entrant, side) -> peaks.put(entrant, side.peakMemory()));
    Map<Entrant, EngineResult.Side> results = new EnumMap<>(Entrant.class);
    sides.forEach(
        (entrant, side) ->
            results.put(
                entrant,
                new EngineResult.Side(
                    side.description(),
                    settings(entrant, peers),
                    losses.get(entrant),
                    turns.get(entrant),
                    peaks.get(entrant),
                    side.allocation(Math.max(1, options.steps())),
                    side.productRate(options.rateMillis))));
    return new EngineResult(shape, results);
  }

  private void profile(SidePrecision precision) throws IOException {
    Path table =
        options.common.output.resolve(options.benchmark() + "-profile-" + precision + ".txt");
    List<String> own = options.bellowsArguments(precision, Optional.of(table.toString()));
    try (SideProcess ours = starter.bellows(List.of("-Xmx1g"), own)) {
      ours.steps(options.warmup() + PARITY_STEPS);
      ours.resetProfile();
      ours.steps(options.steps());
    }
    out.println(
        "where our time goes in "
            + precision
            + " (per step; cpu: the calling thread's share; more in "
            + table
            + "):");
    Files.readAllLines(table).stream().limit(30).forEach(out::println);
  }
}
