package dev.bellows.jobs;

import dev.bellows.storage.FileStores;
import dev.bellows.tensor.DType;
import dev.bellows.trainer.MachineProfile;
import dev.bellows.trainer.ParallelPlan;
import dev.bellows.trainer.PlanReport;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.data.DataSplits;
import dev.bellows.trainer.data.SampleLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `bellows plan`: what a configuration would cost on its workers, without any worker.
@Command(
    name = "plan",
    description =
        "Print who would hold which part of the model, in how many bytes and at what speed, without"
            + " starting a worker.",
    mixinStandardHelpOptions = true)
final class PlanCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "CONFIG", description = "The recipe, a YAML file.")
  Path file;

  @Parameters(
      index = "1..*",
      paramLabel = "KEY=VALUE",
      description = "Overrides of the configuration, such as workers=8 parallel.tensor=2.")
  List<String> overrides = List.of();

  @Option(names = "--all", description = "List every parameter and every rank by itself.")
  boolean all;

  @Option(
      names = "--gflops",
      paramLabel = "NUMBER",
      description =
          "GFLOP/s of whole training steps on one worker; default: measured by bench engine on the"
              + " machine of the README's numbers.")
  double gigaflops;

  @Option(
      names = "--bandwidth",
      paramLabel = "NUMBER",
      description =
          "GB/s that one worker sends; default: measured over shared memory on the same machine.")
  double gigabytes;

  @Override
  public Integer call() {
    RunConfig config = ConfigLoader.load(file, overrides);
    ParallelPlan plan = ParallelPlan.of(config, new ConfiguredModels(), layout(config));
    PlanReport.lines(plan, MachineProfile.of(config, gigaflops, gigabytes), all)
        .forEach(System.out::println);
    return 0;
  }

  /// The form of the samples. That of tokens needs no file.
  private SampleLayout layout(RunConfig config) {
    if (config.model().isLanguageModel()) {
      int context = config.model().context();
      return new SampleLayout(DType.I32, context, context, config.model().vocabulary());
    }
    String path = TrainCommand.dataPath(config, file, overrides);
    return DataSplits.open(config.withPaths(FileStores.absolute(config.run().folder()), path))
        .train()
        .layout();
  }
}
