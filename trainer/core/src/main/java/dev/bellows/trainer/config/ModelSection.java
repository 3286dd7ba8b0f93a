package dev.bellows.trainer.config;

import dev.bellows.tensor.Loss;
import java.util.List;

/// Section `model`: which network is trained. A key that belongs to another kind is 0, empty or false.
///
/// @param kind `gpt`, `llama`, `mlp` or `cnn`
/// @param layers transformer blocks, 1 or more (gpt, llama)
/// @param heads attention heads, a divisor of `width` (gpt, llama)
/// @param keyValueHeads heads of keys and values, a divisor of `heads`; 0, the default, is as many as `heads` (llama)
/// @param width width of the residual stream (gpt, llama)
/// @param intermediate width between the two products of the MLP; 0, the default, is 8/3 of `width`, rounded up to a multiple of 64 (llama)
/// @param context tokens in a sequence (gpt, llama)
/// @param vocabulary different tokens; 256 for bytes, the default (gpt, llama)
/// @param ropeTheta base of the rotary embedding's wave lengths; default 10000 (llama)
/// @param tied whether the head shares the token table; default false (llama; always so for gpt)
/// @param bias whether linear layers and norms have a bias; default true (gpt)
/// @param hidden widths of the hidden layers, may be empty (mlp); the widths of input and output come from the data
/// @param channels channels behind the first and the second convolution, such as [32, 64] (cnn)
/// @param kernel side of the convolutions' square kernels, odd; default 5 (cnn)
/// @param imageChannels channels of an image; default 1 (cnn)
/// @param imageHeight rows of an image; 0, the default, means that images are square (cnn)
/// @param dropout probability of an activation to be dropped in training, from 0 to below 1; default 0 (gpt, llama)
/// @param labelSmoothing share of the target that training spreads over all classes, from 0 to below 1; default 0
/// @param zLoss factor of the squared log-sum-exp of the logits in the training loss; default 0
public record ModelSection(
    Kind kind,
    @ForKind({"gpt", "llama"}) int layers,
    @ForKind({"gpt", "llama"}) int heads,
    @ForKind("llama") @Default("0") int keyValueHeads,
    @ForKind({"gpt", "llama"}) int width,
    @ForKind("llama") @Default("0") int intermediate,
    @ForKind({"gpt", "llama"}) int context,
    @ForKind({"gpt", "llama"}) @Default("256") int vocabulary,
    @ForKind("llama") @Default("10000") double ropeTheta,
    @ForKind("llama") @Default("false") boolean tied,
    @ForKind("gpt") @Default("true") boolean bias,
    @ForKind("mlp") List<Integer> hidden,
    @ForKind("cnn") List<Integer> channels,
    @ForKind("cnn") @Default("5") int kernel,
    @ForKind("cnn") @Default("1") int imageChannels,
    @ForKind("cnn") @Default("0") int imageHeight,
    @ForKind({"gpt", "llama"}) @Default("0") double dropout,
    @Default("0") double labelSmoothing,
    @Default("0") double zLoss) {
  /// The kinds of model.
  public enum Kind {
    /// GPT-2 style decoder over tokens.
    GPT,
    /// Llama style decoder over tokens.
    LLAMA,
    /// Multi-layer perceptron over features.
    MLP,
    /// Two convolutions with max pooling and a linear layer over images.
    CNN
  }

  public ModelSection {
    hidden = List.copyOf(hidden);
    channels = List.copyOf(channels);
    checkShare("model.dropout", dropout);
    checkShare("model.labelSmoothing", labelSmoothing);
    Check.that(
        zLoss >= 0 && Double.isFinite(zLoss),
        "model.zLoss",
        "model.zLoss is " + zLoss + "; it must be 0 or more");
    switch (kind) {
      case GPT -> checkDecoder(layers, heads, width, context, vocabulary);
      case LLAMA -> {
        checkDecoder(layers, heads, width, context, vocabulary);
        checkLlama(heads, keyValueHeads, width, intermediate, ropeTheta);
      }
      case MLP -> {
        for (int size : hidden) {
          Check.atLeast("model.hidden", size, 1);
        }
      }
      case CNN -> checkImages(channels, kernel, imageChannels, imageHeight);
    }
  }

  private static void checkDecoder(int layers, int heads, int width, int context, int vocabulary) {
    Check.atLeast("model.layers", layers, 1);
    Check.atLeast("model.heads", heads, 1);
    Check.atLeast("model.width", width, 1);
    Check.atLeast("model.context", context, 1);
    Check.atLeast("model.vocabulary", vocabulary, 2);
    Check.that(
        width % heads == 0,
        "model.heads",
        "model.heads is " + heads + "; it must divide model.width, which is " + width);
  }

  private static void checkLlama(
      int heads, int keyValueHeads, int width, int intermediate, double ropeTheta) {
    Check.atLeast("model.keyValueHeads", keyValueHeads, 0);
    Check.atLeast("model.intermediate", intermediate, 0);
    Check.that(
        width / heads % 2 == 0,
        "model.heads",
        "model.heads is "
            + heads
            + "; for rotary embedding it must divide model.width, which is "
            + width
            + ", into heads of an even width");
    Check.that(
        keyValueHeads == 0 || heads % keyValueHeads == 0,
        "model.keyValueHeads",
        "model.keyValueHeads is "
            + keyValueHeads
            + "; it must divide model.heads, which is "
            + heads);
    Check.that(
        ropeTheta > 0 && Double.isFinite(ropeTheta),
        "model.ropeTheta",
        "model.ropeTheta is " + ropeTheta + "; it must be above 0");
  }

  private static void checkImages(
      List<Integer> channels, int kernel, int imageChannels, int imageHeight) {
    Check.that(
        channels.size() == 2,
        "model.channels",
        "model.channels is " + channels + "; it must be two numbers, such as [32, 64]");
    for (int size : channels) {
      Check.atLeast("model.channels", size, 1);
    }
    Check.that(
        kernel > 0 && kernel % 2 == 1,
        "model.kernel",
        "model.kernel is " + kernel + "; it must be odd, such as 5");
    Check.atLeast("model.imageChannels", imageChannels, 1);
    Check.atLeast("model.imageHeight", imageHeight, 0);
  }

  private static void checkShare(String key, double value) {
    Check.that(
        value >= 0 && value < 1, key, key + " is " + value + "; it must be 0 or more and below 1");
  }

  /// The same model of `layers` transformer blocks.
  public ModelSection withLayers(int layers) {
    return new ModelSection(
        kind,
        layers,
        heads,
        keyValueHeads,
        width,
        intermediate,
        context,
        vocabulary,
        ropeTheta,
        tied,
        bias,
        hidden,
        channels,
        kernel,
        imageChannels,
        imageHeight,
        dropout,
        labelSmoothing,
        zLoss);
  }

  /// What training adds to the cross-entropy.
  public Loss loss() {
    return new Loss(labelSmoothing, zLoss);
  }

  /// Whether the model learns from tokens and can write text.
  public boolean isLanguageModel() {
    return kind == Kind.GPT || kind == Kind.LLAMA;
  }
}
