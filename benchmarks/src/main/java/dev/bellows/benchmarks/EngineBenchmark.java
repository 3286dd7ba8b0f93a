package dev.bellows.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// `bench engine`: trains the same GPT here and in libtorch and prints how the speeds compare.
///
/// Each side is a process of its own, so that the idle one sleeps and neither's threads disturb the other; both start from the same
/// weights and see the same batches. Steps: calibrate libtorch, compare [#PARITY_STEPS] losses, warm up, take turns, read peak memory,
/// measure our product rate.
final class EngineBenchmark {
  /// Steps whose losses are compared, from the first weights on.
  static final int PARITY_STEPS = 5;

  private final EngineOptions options;
  private final GptShape shape;
  private final PrintStream out;
  private final Path work;
  private final Path log;

  EngineBenchmark(EngineOptions options, PrintStream out) throws IOException {
    this.options = options;
    this.shape = options.gptShape();
    this.out = out;
    Files.createDirectories(options.output);
    this.work = Files.createTempDirectory(options.output, "engine-");
    this.log = options.output.resolve("engine.log");
  }

  /// Runs everything. Returns the exit code: 0, or 1 when the losses differ.
  int run() throws IOException {
    Map<String, Object> environment = Environment.describe();
    EngineInputs inputs = new EngineInputs(shape, work);
    Files.deleteIfExists(log);
    try {
      inputs.write(options.seed);
      out.println(
          "model: "
              + shape
              + ", "
              + shape.weightCount()
              + " weights, "
              + options.threads
              + " threads");
      warnWhenBusy();
      List<LibtorchCalibration.Candidate> candidates = new ArrayList<>();
      LibtorchOptions peer = choosePeer(candidates);
      EngineResult result = compare(peer);
      result.print(out, options, candidates);
      Path record = new EngineRecord(options, environment, peer, candidates).write(result);
      out.println("record: " + record);
      if (options.profile) {
        profile();
      }
      return result.lossDifference() <= options.tolerance ? 0 : 1;
    } finally {
      deleteWork();
    }
  }

  /// Both sides' threads wait for each other at every product, so one busy neighbour costs more than its share.
  private void warnWhenBusy() throws IOException {
    double load = Environment.load();
    if (load > 0.5) {
      out.println(
          "the machine is busy (load "
              + load
              + " before the start): the ratio below says little; repeat it on an idle machine");
    }
  }

  private LibtorchOptions choosePeer(List<LibtorchCalibration.Candidate> candidates)
      throws IOException {
    if (options.calibration == 0) {
      return LibtorchOptions.AS_SHIPPED
          .with(Map.of("OMP_WAIT_POLICY", "PASSIVE", "OPENBLAS_CORETYPE", options.kernels))
          .withFusedAdamW(true);
    }
    LibtorchCalibration calibration =
        new LibtorchCalibration(this::startLibtorch, options.calibration);
    LibtorchOptions best = calibration.best(Environment.instructionSets());
    candidates.addAll(calibration.measured());
    for (LibtorchCalibration.Candidate candidate : candidates) {
      out.printf(Locale.ROOT, "libtorch %8.1f ms  %s%n", candidate.millis(), candidate.options());
    }
    return best;
  }

  private EngineResult compare(LibtorchOptions peer) throws IOException {
    try (SideProcess ours = startBellows(Optional.empty());
        SideProcess theirs = startLibtorch(peer)) {
      out.println("ours:   " + ours.description());
      out.println("theirs: " + theirs.description() + ", " + peer);
      double[] ourLosses = ours.steps(PARITY_STEPS).losses();
      double[] theirLosses = theirs.steps(PARITY_STEPS).losses();
      ours.steps(options.warmup);
      theirs.steps(options.warmup);
      List<SideProcess.Steps> ourTurns = new ArrayList<>();
      List<SideProcess.Steps> theirTurns = new ArrayList<>();
      for (int turn = 0; turn < options.alternations; turn++) {
        theirTurns.add(theirs.steps(options.steps));
        ourTurns.add(ours.steps(options.steps));
        double ourMedian = EngineResult.median(ourTurns.getLast().millis());
        double theirMedian = EngineResult.median(theirTurns.getLast().millis());
        out.printf(
            Locale.ROOT,
            "turn %d: ours %.1f ms, theirs %.1f ms, ratio %.3f%n",
            turn + 1,
            ourMedian,
            theirMedian,
            theirMedian / ourMedian);
      }
      // Memory before the rates: their square operands are no part of a step.
      long ourMemory = ours.peakMemory();
      long theirMemory = theirs.peakMemory();
      double ourRate = ours.productRate();
      double theirRate = theirs.productRate();
      return new EngineResult(
          shape,
          new EngineResult.Side(ours.description(), ourLosses, ourTurns, ourMemory, ourRate),
          new EngineResult.Side(
              theirs.description(), theirLosses, theirTurns, theirMemory, theirRate));
    }
  }

  private void profile() throws IOException {
    Path table = options.output.resolve("engine-profile.txt");
    try (SideProcess ours = startBellows(Optional.of(table))) {
      ours.steps(options.warmup + PARITY_STEPS);
      ours.resetProfile();
      ours.steps(options.steps);
    }
    out.println(
        "where our time goes (per step; cpu: the calling thread's share; more in " + table + "):");
    Files.readAllLines(table).stream().limit(30).forEach(out::println);
  }

  private SideProcess startBellows(Optional<Path> profileFile) throws IOException {
    List<String> flags = new ArrayList<>(Environment.jvmFlags());
    flags.add("-Xmx1g");
    return SideProcess.start(
        "bellows", flags, arguments(options.bellowsArguments(profileFile)), Map.of(), log);
  }

  private SideProcess startLibtorch(LibtorchOptions peer) throws IOException {
    List<String> flags = new ArrayList<>(Environment.jvmFlags());
    flags.add("-Xmx512m");
    // Scopes free every tensor at once, so JavaCPP's own limits and its collector thread are not
    // needed.
    flags.add("-Dorg.bytedeco.javacpp.nopointergc=true");
    flags.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    flags.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    Map<String, String> variables = new LinkedHashMap<>(peer.environment());
    variables.put("OMP_NUM_THREADS", Integer.toString(options.threads));
    variables.put("OPENBLAS_NUM_THREADS", Integer.toString(options.threads));
    return SideProcess.start("libtorch", flags, arguments(peer.arguments()), variables, log);
  }

  private List<String> arguments(List<String> own) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "shape=" + shape, "inputs=" + work.toAbsolutePath(), "threads=" + options.threads));
    arguments.addAll(own);
    return arguments;
  }

  private void deleteWork() throws IOException {
    try (var files = Files.list(work)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(work);
  }
}
