package dev.bellows.jobs;

import dev.bellows.trainer.config.ConfigLoader;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `bellows train`.
@Command(
    name = "train",
    description = "Train a model; the same command goes on where an interrupted run stopped.",
    mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "CONFIG", description = "The recipe, a YAML file.")
  String config;

  @Mixin RunOptions run = new RunOptions();

  @Option(
      names = "--fresh",
      description = "Delete the checkpoints and metrics that an earlier run left in the run folder.")
  boolean fresh;

  @Override
  public Integer call() {
    return new RunCommand(ConfigLoader.load(Path.of(config), run.all()), run, fresh).execute();
  }
}
