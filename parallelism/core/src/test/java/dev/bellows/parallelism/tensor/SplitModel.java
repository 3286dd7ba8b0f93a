package dev.bellows.parallelism.tensor;

import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.models.Mlp;
import dev.bellows.models.MlpConfig;
import dev.bellows.nn.Model;
import dev.bellows.parallelism.plan.ModelTraits;
import dev.bellows.parallelism.plan.ModelTraits.Family;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;

/// Small models of every family that tensor ranks can share.
///
/// @param name for reports
/// @param traits what the plan must know
/// @param model makes the model
/// @param classes ids of the vocabulary, or classes
/// @param time positions of a sample, 0 for features
/// @param inputs features of a sample, 0 for token ids
record SplitModel(
    String name, ModelTraits traits, Supplier<Model> model, int classes, int time, int inputs) {
  private static final int TIME = 5;

  static SplitModel gpt(boolean bias, double dropout, int vocabulary) {
    GptConfig config = new GptConfig(2, 4, 16, TIME, vocabulary, bias, dropout);
    return new SplitModel(
        config.toString(),
        new ModelTraits(Family.GPT, 2, 4, 4, 16),
        () -> new Gpt(config),
        vocabulary,
        TIME,
        0);
  }

  static SplitModel llama(int keyValueHeads, boolean tied, double dropout, int vocabulary) {
    LlamaConfig config =
        new LlamaConfig(2, 4, keyValueHeads, 16, 24, TIME, vocabulary, 10_000, tied, dropout);
    return new SplitModel(
        config.toString(),
        new ModelTraits(Family.LLAMA, 2, 4, keyValueHeads, 16),
        () -> new Llama(config),
        vocabulary,
        TIME,
        0);
  }

  /// `hidden` widths between 12 features and 7 classes.
  static SplitModel mlp(Integer... hidden) {
    MlpConfig config = new MlpConfig(12, List.of(hidden), hidden.length % 2 == 0 ? 7 : 8);
    return new SplitModel(
        config.toString(),
        new ModelTraits(Family.MLP, hidden.length + 1, 0, 0, 0),
        () -> new Mlp(config),
        config.classes(),
        0,
        12);
  }

  static Stream<SplitModel> all() {
    return Stream.of(
        gpt(true, 0.1, 19),
        gpt(false, 0, 16),
        llama(4, true, 0.1, 19),
        llama(2, false, 0, 18),
        llama(1, false, 0.1, 16),
        mlp(16, 8),
        mlp(16),
        mlp());
  }

  @Override
  public String toString() {
    return name;
  }
}
