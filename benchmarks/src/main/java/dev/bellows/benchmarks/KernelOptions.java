package dev.bellows.benchmarks;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The command line of `bench kernels`. Filled by picocli.
@Command(
    mixinStandardHelpOptions = true,
    description =
        "Times each kernel of a GPT's step by JMH and prints its share of the limit that memory or"
            + " products set, measured in the same run.")
final class KernelOptions {
  private static final String TINY = "layers=1,heads=2,width=32,context=16,batch=2,vocabulary=50";

  @Mixin CommonOptions common;

  @Option(
      names = "--shape",
      description = "the GPT's sizes or a preset: small, gpt2 (default: small; with --quick: tiny)")
  String shape;

  @Option(
      names = "--only",
      defaultValue = "",
      description = "kernels whose name contains this (default: all)")
  String only;

  @Option(
      names = "--quick",
      defaultValue = "false",
      description = "only shows that every kernel runs: one process, milliseconds for each")
  boolean quick;

  GptShape gptShape() {
    if (shape == null) {
      return quick ? GptShape.parse(TINY, GptShape.SMALL) : GptShape.SMALL;
    }
    return GptShape.parse(shape, GptShape.SMALL);
  }
}
