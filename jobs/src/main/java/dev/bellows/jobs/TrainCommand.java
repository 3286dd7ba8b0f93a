package dev.bellows.jobs;

import dev.bellows.storage.FileStores;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import java.nio.file.Path;
import java.util.List;
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
  Path file;

  @Parameters(
      index = "1..*",
      paramLabel = "KEY=VALUE",
      description = "Overrides of the configuration, such as workers.count=4.")
  List<String> overrides = List.of();

  @Mixin RunOptions run = new RunOptions();

  @Option(
      names = "--fresh",
      description =
          "Delete the checkpoints and metrics that an earlier run left in the run folder.")
  boolean fresh;

  @Override
  public Integer call() {
    RunConfig config = ConfigLoader.load(file, run.added(overrides));
    return new RunCommand(
            config.withPaths(
                FileStores.absolute(config.run().folder()), dataPath(config, file, overrides)),
            run,
            fresh)
        .execute();
  }

  /// A relative path means: beside the recipe when the recipe says it, below the working directory when the command line does. Workers
  /// run elsewhere, so it is made absolute here.
  static String dataPath(RunConfig config, Path file, List<String> overrides) {
    String path = config.data().path();
    if (path.isEmpty() || path.contains(":/") || path.startsWith("/")) {
      return path;
    }
    boolean fromCommandLine = overrides.stream().anyMatch(one -> one.startsWith("data"));
    Path folder = fromCommandLine ? Path.of("") : file.toAbsolutePath().getParent();
    return FileStores.absolute(folder.resolve(path).toString());
  }
}
