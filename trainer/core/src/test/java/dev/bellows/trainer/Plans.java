package dev.bellows.trainer;

import dev.bellows.tensor.DType;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.data.SampleLayout;
import java.util.List;

/// Plans for tests, of models that are never allocated.
final class Plans {
  static final String GPT = "{kind: gpt, layers: 4, heads: 4, width: 32, context: 16}";
  static final String LLAMA =
      "{kind: llama, layers: 4, heads: 8, keyValueHeads: 2, width: 64, context: 16, vocabulary:"
          + " 259}";
  static final String TIED_LLAMA = LLAMA.replace("context", "tied: true, context");

  private Plans() {}

  /// A language model's configuration: 8 groups of 2 micro-batches of 2 samples.
  static RunConfig text(String model, String... overrides) {
    return ConfigLoader.load(
        "x.yaml",
        "model: "
            + model
            + "\n"
            + "data: {kind: text, path: a.txt}\n"
            + "batch: {global: 32, micro: 2}\n"
            + "train: {steps: 5}\n"
            + "workers: {count: 1}\n",
        List.of(overrides));
  }

  /// The same for an MLP on digits.
  static RunConfig digits(String model, String... overrides) {
    return ConfigLoader.load(
        "x.yaml",
        "model: "
            + model
            + "\ndata: {kind: digits}\nbatch: {global: 32, micro: 2}\ntrain: {steps: 5}\n"
            + "workers: {count: 1}\n",
        List.of(overrides));
  }

  static SampleLayout layout(RunConfig config) {
    int context = config.model().context();
    return config.model().isLanguageModel()
        ? new SampleLayout(DType.I32, context, context, config.model().vocabulary())
        : new SampleLayout(DType.F32, 784, 1, 10);
  }

  static ParallelPlan of(RunConfig config) {
    return ParallelPlan.of(config, new TinyModels(), layout(config));
  }
}
