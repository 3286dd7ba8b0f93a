package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The command line of `bench engine` and `bench mlp`. Filled by picocli.
@Command(
    mixinStandardHelpOptions = true,
    description =
        "Trains the same model here and in libtorch, alternating, and prints the ratio of their"
            + " speeds.")
final class EngineOptions {
  private final String benchmark;

  /// Options of `benchmark`: `engine` trains a GPT, `mlp` an MLP.
  EngineOptions(String benchmark) {
    this.benchmark = benchmark;
  }

  @Mixin CommonOptions common;

  @Option(
      names = "--shape",
      defaultValue = "",
      description =
          "sizes that differ from the default, such as layers=2,width=64, or a preset: small, gpt2"
              + " (of engine), mnist (of mlp)")
  String shape;

  @Option(names = "--model", description = "what engine trains: gpt, llama or cnn (default gpt)")
  String model;

  @Option(
      names = "--precision",
      defaultValue = "both",
      description =
          "fp32, bf16 (ours against the better of libtorch's fp32 and its bf16 autocast) or both"
              + " (default ${DEFAULT-VALUE})")
  String precision;

  @Option(
      names = "--micro",
      defaultValue = "0",
      description = "our micro-batch; 0: the whole batch (default ${DEFAULT-VALUE})")
  int micro;

  @Option(
      names = "--alternations",
      defaultValue = "5",
      description = "turns of each side (default ${DEFAULT-VALUE})")
  int alternations;

  @Option(
      names = "--steps",
      description = "steps of a turn (default 4; mlp, whose steps are short: 20)")
  private Integer steps;

  @Option(
      names = "--warmup",
      description =
          "steps of each side before the first turn (default 10; mlp, whose steps are short: 100)")
  private Integer warmup;

  @Option(
      names = "--calibration",
      description = "steps to judge a setting of libtorch; 0: no calibration (default 3; mlp: 20)")
  private Integer calibration;

  @Option(
      names = "--kernels",
      defaultValue = "SKYLAKEX",
      description = "OPENBLAS_CORETYPE without calibration (default ${DEFAULT-VALUE})")
  String kernels;

  @Option(
      names = "--tolerance",
      defaultValue = "1e-4",
      description = "largest difference of the two losses in fp32 (default ${DEFAULT-VALUE})")
  double tolerance;

  @Option(
      names = "--bf16-tolerance",
      defaultValue = "0.00390625",
      description =
          "largest difference of the two losses in bf16, as a share of the loss; libtorch's"
              + " autocast rounds each log-probability to bf16, 1/256 (default ${DEFAULT-VALUE})")
  double bf16Tolerance;

  @Option(
      names = "--rate-millis",
      defaultValue = "100",
      description = "shortest loop that measures a product rate (default ${DEFAULT-VALUE})")
  int rateMillis;

  @Option(
      names = "--profile",
      defaultValue = "false",
      description = "also say where our milliseconds go")
  boolean profile;

  /// `engine` or `mlp`.
  String benchmark() {
    return benchmark;
  }

  /// Steps of a turn.
  int steps() {
    return orDefault(steps, 4, 20);
  }

  /// Steps of each side before the first turn.
  int warmup() {
    return orDefault(warmup, 10, 100);
  }

  /// Steps to judge a setting of libtorch, 0 for no calibration.
  int calibration() {
    return orDefault(calibration, 3, 20);
  }

  private int orDefault(Integer asked, int engine, int mlp) {
    return asked != null ? asked : benchmark.equals("mlp") ? mlp : engine;
  }

  ModelShape modelShape() {
    String standard = benchmark.equals("mlp") ? "mlp" : "gpt";
    return ModelShape.parse(model == null ? standard : model, shape);
  }

  /// The processes of this comparison, in the order of their turns. Errors: [IllegalArgumentException] for an unknown precision.
  List<Entrant> entrants() {
    return switch (precision) {
      case "fp32" -> List.of(Entrant.THEIRS_FP32, Entrant.OURS_FP32);
      case "bf16" -> List.of(Entrant.THEIRS_FP32, Entrant.THEIRS_BF16, Entrant.OURS_BF16);
      case "both" -> Arrays.asList(Entrant.values());
      default ->
          throw new IllegalArgumentException(
              "the precision is fp32, bf16 or both, not " + precision);
    };
  }

  /// Arguments of our side's process.
  List<String> bellowsArguments(SidePrecision side, Optional<String> profileFile) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "backend=" + common.backend,
                "micro=" + (micro == 0 ? modelShape().batch() : micro),
                "precision=" + side));
    profileFile.ifPresent(file -> arguments.add("profile=" + file));
    return arguments;
  }
}
