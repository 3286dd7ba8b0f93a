package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.TestTensors;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import java.util.Arrays;
import java.util.List;

/// Tiny models and their data.
final class TestModels {
  static final long SEED = 11;

  private TestModels() {}

  static Gpt gpt(boolean bias) {
    return new Gpt(new GptConfig(2, 2, 8, 6, 9, bias));
  }

  /// Two query heads share one key and value head.
  static Llama llama(boolean tied) {
    return new Llama(new LlamaConfig(2, 2, 1, 8, 5, 6, 9, 100, tied));
  }

  static Mlp mlp() {
    return new Mlp(new MlpConfig(7, List.of(6, 5), 4));
  }

  static Cnn cnn() {
    return new Cnn(new CnnConfig(2, 7, 6, 2, 3, 3, 4));
  }

  /// Images of samples `first` to `end` - 1, each a function of its index only.
  static Batch images(Backend backend, CnnConfig config, DType dtype, int first, int end) {
    return features(
        backend, new MlpConfig(config.inputs(), List.of(), config.classes()), dtype, first, end);
  }

  /// Large enough weights that every path carries a gradient that rounding does not hide; the padding stays zero.
  static void randomise(Backend backend, ParameterStore store) {
    Philox random = Philox.of(SEED, Philox.Purpose.TEST);
    store
        .parameters()
        .forEach(
            parameter -> {
              Philox own = random.derive(parameter.name());
              double middle =
                  parameter.name().contains("ln_") && parameter.name().endsWith("weight")
                          || parameter.name().contains("norm")
                      ? 1
                      : 0;
              TestTensors.set(backend, parameter.value(), i -> middle + 0.4 * own.normal(i));
            });
  }

  /// Token sequences of samples `first` to `end` - 1, each a function of its index only; targets are the ids one position on.
  static Batch text(Backend backend, GptConfig config, int time, int first, int end) {
    return text(backend, config.vocabulary(), time, first, end);
  }

  /// The same for any model of `vocabulary` tokens.
  static Batch text(Backend backend, int vocabulary, int time, int first, int end) {
    int samples = end - first;
    int[] inputs = new int[samples * time];
    int[] targets = new int[samples * time];
    for (int sample = 0; sample < samples; sample++) {
      int[] ids =
          TestTensors.randomIds(SEED + 1000 + first + sample, time + 1, vocabulary);
      System.arraycopy(ids, 0, inputs, sample * time, time);
      System.arraycopy(ids, 1, targets, sample * time, time);
    }
    return new Batch(
        TestTensors.ids(backend, inputs, samples, time),
        TestTensors.ids(backend, targets, (long) samples * time),
        samples,
        first);
  }

  /// Features of samples `first` to `end` - 1, each a function of its index only.
  static Batch features(Backend backend, MlpConfig config, DType dtype, int first, int end) {
    int samples = end - first;
    Philox random = Philox.of(SEED, Philox.Purpose.TEST);
    int[] targets =
        Arrays.copyOfRange(TestTensors.randomIds(SEED + 1, end, config.classes()), first, end);
    return new Batch(
        TestTensors.of(
            backend,
            dtype,
            i -> random.normal((long) first * config.inputs() + i),
            samples,
            config.inputs()),
        TestTensors.ids(backend, targets, samples),
        samples);
  }
}
