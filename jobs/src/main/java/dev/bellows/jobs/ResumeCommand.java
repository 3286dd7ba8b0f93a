package dev.bellows.jobs;

import dev.bellows.trainer.RunFolder;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `bellows resume`.
@Command(
    name = "resume",
    description = "Go on with a run from its newest valid checkpoint, on any number of workers.",
    mixinStandardHelpOptions = true)
final class ResumeCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "RUN", description = "The run folder.")
  String folder;

  @Parameters(
      index = "1..*",
      paramLabel = "KEY=VALUE",
      description = "Overrides of the configuration, such as workers.count=4.")
  List<String> overrides = List.of();

  @Mixin RunOptions run = new RunOptions();

  @Override
  public Integer call() {
    RunFolder runFolder = RunFolder.of(folder);
    String yaml;
    try {
      yaml = runFolder.store().readText(runFolder.config());
    } catch (IOException e) {
      throw new BellowsException(
          ErrorCategory.STORAGE,
          folder + " is not a run folder: " + runFolder.config() + " cannot be read",
          e);
    }
    List<String> all = new ArrayList<>(run.added(overrides));
    all.add("run.folder=" + runFolder.path());
    return new RunCommand(ConfigLoader.load(runFolder.config(), yaml, all), run, false).execute();
  }
}
