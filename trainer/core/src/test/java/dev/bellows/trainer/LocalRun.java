package dev.bellows.trainer;

import dev.bellows.checkpointing.CheckpointDiff;
import dev.bellows.checkpointing.CheckpointReader;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.RunReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/// A run in this JVM, built step by step: configuration, folder, network, models, launcher. Each `with…` returns a changed copy.
record LocalRun(
    Path folder,
    String yaml,
    List<String> overrides,
    TransportProvider network,
    ModelFactory models,
    BiFunction<TransportProvider, ModelFactory, WorkerLauncher> launcher,
    long stopAfter,
    boolean fresh) {
  /// A perceptron on drawn digits: 4 groups of 2 micro-batches of 2.
  static final String MLP =
      """
      seed: 7
      model: {kind: mlp, hidden: [12]}
      data: {kind: digits, samples: 64, validationSamples: 21}
      batch: {global: 16, micro: 2, groups: 4}
      optimizer: {kind: adamw, learningRate: 0.01, clip: 1.0}
      schedule: {kind: cosine, warmup: 3}
      train: {steps: 8}
      backend: cpu
      """;

  /// How a run ended, what it printed, and what is in its folder.
  record Ended(RunReport report, List<String> lines, Path folder) {
    RunHistory history() {
      return RunHistory.read(folder.resolve("metrics.jsonl"));
    }

    String printed() {
      return String.join("\n", lines);
    }
  }

  static LocalRun mlp(Path folder) {
    return of(folder, MLP);
  }

  /// A one-layer GPT on a text that lies beside `folder`: 4 groups of 2 micro-batches of 1.
  static LocalRun gpt(Path folder) {
    Path text = folder.resolveSibling("text.txt");
    try {
      if (!Files.exists(text)) {
        StringBuilder words = new StringBuilder();
        for (int i = 0; words.length() < 3000; i++) {
          words
              .append("line ")
              .append(i * i % 97)
              .append(" of the text, ")
              .append(i % 7)
              .append('\n');
        }
        Files.writeString(text, words);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return of(
        folder,
        """
        seed: 11
        model: {kind: gpt, layers: 1, heads: 2, width: 16, context: 12}
        data: {kind: text, path: '%s', validation: 0.1}
        batch: {global: 8, micro: 1, groups: 4}
        optimizer: {kind: adamw, learningRate: 0.01, weightDecay: 0.1, clip: 1.0}
        schedule: {kind: cosine, warmup: 2}
        train: {steps: 6}
        backend: cpu
        """
            .formatted(text));
  }

  static LocalRun of(Path folder, String yaml) {
    return new LocalRun(
        folder,
        yaml,
        List.of(),
        new InProcessTransportProvider(),
        new TinyModels(),
        LocalLauncher::new,
        Long.MAX_VALUE,
        false);
  }

  LocalRun with(String... more) {
    List<String> all = new ArrayList<>(overrides);
    all.addAll(List.of(more));
    return new LocalRun(folder, yaml, all, network, models, launcher, stopAfter, fresh);
  }

  LocalRun over(TransportProvider other) {
    return new LocalRun(folder, yaml, overrides, other, models, launcher, stopAfter, fresh);
  }

  LocalRun models(ModelFactory other) {
    return new LocalRun(folder, yaml, overrides, network, other, launcher, stopAfter, fresh);
  }

  LocalRun launcher(BiFunction<TransportProvider, ModelFactory, WorkerLauncher> other) {
    return new LocalRun(folder, yaml, overrides, network, models, other, stopAfter, fresh);
  }

  LocalRun stopAfter(long step) {
    return new LocalRun(folder, yaml, overrides, network, models, launcher, step, fresh);
  }

  LocalRun asFresh() {
    return new LocalRun(folder, yaml, overrides, network, models, launcher, stopAfter, true);
  }

  RunConfig config() {
    List<String> all = new ArrayList<>(overrides);
    all.add("run.folder=" + folder);
    return ConfigLoader.load("test.yaml", yaml, all);
  }

  Ended run() {
    return run((run, line) -> {});
  }

  /// Runs; `watcher` sees every printed line together with the run, which it may ask to stop.
  Ended run(Watcher watcher) {
    List<String> lines = new CopyOnWriteArrayList<>();
    TrainingRun[] holder = new TrainingRun[1];
    Consumer<String> out =
        line -> {
          lines.add(line);
          watcher.printed(holder[0], line);
        };
    TrainingRun run =
        new TrainingRun(
            config(), new TrainingRun.Options(stopAfter, fresh, "test"), network, models, out);
    holder[0] = run;
    RunReport report = run.run(() -> launcher.apply(network, models));
    return new Ended(report, lines, folder);
  }

  /// Sees what a run prints.
  @FunctionalInterface
  interface Watcher {
    void printed(TrainingRun run, String line);
  }

  /// Names of the tensors in which the checkpoints of `step` in two run folders differ.
  static List<String> differing(Path first, Path second, long step) {
    return differing(first, step, second, step);
  }

  /// The same for the checkpoints of two steps.
  static List<String> differing(Path first, long firstStep, Path second, long secondStep) {
    try (CheckpointReader a = CheckpointReader.open(store(first), stepFolder(first, firstStep));
        CheckpointReader b = CheckpointReader.open(store(second), stepFolder(second, secondStep))) {
      return CheckpointDiff.diff(a, b).tensors().stream()
          .filter(tensor -> tensor.outcome() != CheckpointDiff.Outcome.EQUAL)
          .map(CheckpointDiff.TensorDifference::name)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What of two runs of `step` steps is further apart than `tolerance`: a loss relative to its size, a tensor by an element, of size 1 or less.
  static List<String> apart(Ended first, Ended second, long step, double tolerance) {
    List<String> apart = new ArrayList<>();
    for (int i = 0; i < first.history().losses().size(); i++) {
      double a = first.history().losses().get(i);
      double b = second.history().losses().get(i);
      if (!(Math.abs(a - b) <= tolerance * Math.abs(a))) {
        apart.add("step " + (i + 1) + ": loss " + a + " and " + b);
      }
    }
    try (CheckpointReader a =
            CheckpointReader.open(store(first.folder()), stepFolder(first.folder(), step));
        CheckpointReader b =
            CheckpointReader.open(store(second.folder()), stepFolder(second.folder(), step))) {
      for (CheckpointDiff.TensorDifference tensor : CheckpointDiff.diff(a, b).tensors()) {
        if (!(tensor.maxAbsDifference() <= tolerance)) {
          apart.add(tensor.toString());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return apart;
  }

  private static FileStore store(Path path) throws IOException {
    return FileStores.forPath(path.toString());
  }

  /// Folder of the checkpoint of `step` in the run folder `run`.
  static String stepFolder(Path run, long step) {
    return run.resolve("checkpoints").resolve("step-%08d".formatted(step)).toString();
  }
}
