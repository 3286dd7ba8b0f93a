package dev.bellows.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The JSON record of a comparison: options, environment and every single measurement.
///
/// @param options command line
/// @param environment machine, Java, sources
/// @param candidates what the calibration of each libtorch side tried
record EngineRecord(
    EngineOptions options,
    Map<String, Object> environment,
    Map<Entrant, List<LibtorchCalibration.Candidate>> candidates) {

  /// Writes it to the output folder and returns its path.
  Path write(EngineResult result, EngineReport report) throws IOException {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("benchmark", options.benchmark());
    record.put("line", report.line());
    for (Entrant ours : result.ours()) {
      Map<String, Object> comparison = new LinkedHashMap<>();
      comparison.put("rival", result.rival(ours).toString());
      comparison.put("ratio", result.ratio(ours));
      comparison.put("ratios", result.ratios(ours));
      comparison.put("lossDifference", result.lossDifference(ours));
      comparison.put("memoryRatio", result.memoryRatio(ours));
      comparison.put("peakShare", result.peakShare(ours));
      record.put(ours.precision().toString(), comparison);
    }
    record.put("model", result.shape().model());
    record.put("shape", result.shape().toString());
    record.put("flopsPerStep", result.shape().flopsPerStep());
    record.put("threads", options.common.threads);
    record.put("seed", options.common.seed);
    record.put("stepsPerTurn", options.steps());
    record.put("warmupSteps", options.warmup());
    Map<String, Object> sides = new LinkedHashMap<>();
    result
        .sides()
        .keySet()
        .forEach(entrant -> sides.put(entrant.toString(), side(result, entrant)));
    record.put("sides", sides);
    record.put("jvmFlags", Environment.jvmFlags());
    record.put("environment", environment);
    return JsonRecord.write(options.benchmark(), options.common.output, record);
  }

  private Map<String, Object> side(EngineResult result, Entrant entrant) {
    EngineResult.Side side = result.side(entrant);
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("description", side.description());
    facts.put("settings", side.settings());
    facts.put("medianMillis", side.millis());
    facts.put("rowsPerSecond", result.rowsPerSecond(entrant));
    facts.put("medianProcessorMillis", side.processorMillis());
    facts.put("turnsMillis", side.turns().stream().map(SideProcess.Steps::millis).toList());
    facts.put(
        "turnsProcessorMillis",
        side.turns().stream().map(SideProcess.Steps::processorMillis).toList());
    facts.put("losses", side.losses());
    facts.put("peakResidentBytes", side.peakBytes());
    facts.put("heapBytesPerStep", side.allocation().heapBytesPerStep());
    if (entrant.isOurs()) {
      facts.put("nativeBuffersAfterWarmup", side.allocation().nativeBuffers());
    } else {
      facts.put(
          "calibration",
          candidates.getOrDefault(entrant, List.of()).stream()
              .map(EngineRecord::candidate)
              .toList());
    }
    facts.put("productGflops", side.productRate());
    return facts;
  }

  private static Map<String, Object> candidate(LibtorchCalibration.Candidate candidate) {
    return Map.of("settings", candidate.options().toString(), "fastestMillis", candidate.millis());
  }
}
