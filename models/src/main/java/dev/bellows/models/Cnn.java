package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Linear;
import dev.bellows.nn.Model;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/// A classifier of small images: convolution, ReLU and max pooling twice, then a linear layer (LeCun et al. 1998).
///
/// First weights and biases are uniform within 1 / sqrt(fan in), as PyTorch's layers have them (see [Mlp]).
public final class Cnn implements Model {
  private final CnnConfig config;
  private final List<CnnStage> stages;
  private final Linear head;
  private final List<Unit> units;

  /// A model of these sizes; allocates nothing.
  public Cnn(CnnConfig config) {
    this.config = config;
    CnnStage first =
        new CnnStage(
            "conv1",
            config.imageChannels(),
            config.height(),
            config.width(),
            config.firstChannels(),
            config.kernel());
    CnnStage second =
        new CnnStage(
            "conv2",
            config.firstChannels(),
            first.pooling().outHeight(),
            first.pooling().outWidth(),
            config.secondChannels(),
            config.kernel());
    stages = List.of(first, second);
    int features = second.pooling().outElements();
    Initializer uniform = Initializer.uniform(1 / Math.sqrt(features));
    head = Linear.of("fc", features, config.classes(), uniform, Optional.of(uniform));
    units =
        List.of(
            unit(first, (tape, x) -> first.apply(tape, checked(x))),
            unit(second, second::apply),
            new SegmentUnit(
                "head", Unit.Position.BEHIND, head.parameters(), config.classes(), head::apply));
  }

  private static SegmentUnit unit(CnnStage stage, BiFunction<Tape, Variable, Variable> body) {
    return new SegmentUnit(
        stage.name(),
        Unit.Position.LAYER,
        stage.parameters(),
        Math.toIntExact(stage.pooled()),
        body);
  }

  private Variable checked(Variable images) {
    Tensor x = images.value();
    if (!x.dtype().isFloating() || x.shape().rank() != 2 || x.shape().dim(1) != config.inputs()) {
      throw new IllegalArgumentException(
          "this CNN takes images [samples, " + config.inputs() + "], not " + x);
    }
    return images;
  }

  /// The sizes.
  public CnnConfig config() {
    return config;
  }

  /// Both stages and the head: logits [samples, classes] of images [samples, imageChannels · height · width], each channel row by row.
  @Override
  public List<Unit> units() {
    return units;
  }

  @Override
  public int rowsPerSample() {
    return 1;
  }

  @Override
  public double flopsPerSample() {
    double products = stages.stream().mapToDouble(CnnStage::products).sum();
    return 6 * (products + head.weight().shape().elements());
  }

  @Override
  public long activationBytes(int samples) {
    // A stage keeps its output and where each element of it came from. Most is live while the first
    // stage runs backward, or the second forward:
    // then an unpooled image and its pooled form, or gradient, are there beside what is kept.
    long first = stages.getFirst().pooled();
    long second = stages.getLast().pooled();
    long forward = 2 * first + stages.getLast().unpooled() + 2 * second;
    long backward = 2 * first + stages.getFirst().unpooled();
    long start = stages.getFirst().unpooled() + 2 * first;
    return Float.BYTES * (long) samples * Math.max(forward, Math.max(backward, start));
  }

  @Override
  public String toString() {
    return "CNN of "
        + config.firstChannels()
        + " and "
        + config.secondChannels()
        + " channels, kernels "
        + config.kernel()
        + " x "
        + config.kernel()
        + ", images "
        + config.imageChannels()
        + " x "
        + config.height()
        + " x "
        + config.width()
        + ", "
        + config.classes()
        + " classes";
  }
}
