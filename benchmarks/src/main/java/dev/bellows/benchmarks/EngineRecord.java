package dev.bellows.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The JSON record of a run of `bench engine`: options, environment and every single measurement.
///
/// @param options command line
/// @param environment machine, Java, sources
/// @param peer libtorch's settings
/// @param candidates what the calibration tried
record EngineRecord(
    EngineOptions options,
    Map<String, Object> environment,
    LibtorchOptions peer,
    List<LibtorchCalibration.Candidate> candidates) {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /// Writes `engine-TIME.json` to the output folder and returns its path.
  Path write(EngineResult result) throws IOException {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("benchmark", "engine");
    record.put("line", result.benchLine(options, candidates));
    record.put("ratio", result.ratio());
    record.put("ratios", result.ratios());
    record.put("lossDifference", result.lossDifference());
    record.put("peakShare", result.peakShare());
    record.put("model", result.shape().toString());
    record.put("flopsPerStep", result.shape().flopsPerStep());
    record.put("threads", options.threads);
    record.put("seed", options.seed);
    record.put("stepsPerTurn", options.steps);
    record.put("warmupSteps", options.warmup);
    record.put(
        "ours",
        side(result, result.ours(), String.join(" ", options.bellowsArguments(Optional.empty()))));
    record.put("theirs", side(result, result.theirs(), peer.toString()));
    record.put("calibration", candidates.stream().map(EngineRecord::candidate).toList());
    record.put("jvmFlags", Environment.jvmFlags());
    record.put("environment", environment);
    String time =
        ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
    Path file = options.output.resolve("engine-" + time + ".json");
    JSON.writeValue(file.toFile(), record);
    return file;
  }

  private static Map<String, Object> side(
      EngineResult result, EngineResult.Side side, String settings) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("description", side.description());
    facts.put("settings", settings);
    facts.put("medianMillis", side.millis());
    facts.put("tokensPerSecond", result.tokensPerSecond(side));
    facts.put("medianProcessorMillis", side.processorMillis());
    facts.put("turnsMillis", side.turns().stream().map(SideProcess.Steps::millis).toList());
    facts.put(
        "turnsProcessorMillis",
        side.turns().stream().map(SideProcess.Steps::processorMillis).toList());
    facts.put("losses", side.losses());
    facts.put("peakResidentBytes", side.peakBytes());
    facts.put("productGflops", side.productRate());
    return facts;
  }

  private static Map<String, Object> candidate(LibtorchCalibration.Candidate candidate) {
    return Map.of("settings", candidate.options().toString(), "fastestMillis", candidate.millis());
  }
}
