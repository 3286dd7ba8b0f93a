package dev.bellows.jobs;

import com.fasterxml.jackson.databind.node.TextNode;
import dev.bellows.trainer.config.RunConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `bellows generate`.
@Command(
    name = "generate",
    description = "Print text that the model of a checkpoint writes.",
    mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "CHECKPOINT",
      description = "A checkpoint's folder, or a run folder for its newest.")
  String path;

  @Option(names = "--prompt", description = "Text to go on from; default: the run's own.")
  String prompt = "";

  @Option(names = "--length", description = "Bytes to write (default: ${DEFAULT-VALUE}).")
  int length = 300;

  @Option(
      names = "--temperature",
      description = "0 takes the likeliest byte; default: the run's own.")
  double temperature = -1;

  @Option(
      names = "--top-k",
      description = "Draw from the so many likeliest bytes; default: the run's own.")
  int topK = -1;

  @Option(names = "--seed", description = "Seed of the draw; default: the run's own.")
  Long seed;

  @Override
  public Integer call() {
    Checkpoints checkpoint = Checkpoints.find(path);
    List<String> overrides = new ArrayList<>();
    overrides.add("generate.length=" + length);
    if (!prompt.isEmpty()) {
      // A JSON string is a YAML string, whatever the prompt holds.
      overrides.add("generate.prompt=" + TextNode.valueOf(prompt));
    }
    if (temperature >= 0) {
      overrides.add("generate.temperature=" + temperature);
    }
    if (topK >= 0) {
      overrides.add("generate.topK=" + topK);
    }
    if (seed != null) {
      overrides.add("seed=" + seed);
    }
    RunConfig config = checkpoint.config(overrides);
    System.out.println(new Sampler(config, checkpoint.folder()).sample());
    return 0;
  }
}
