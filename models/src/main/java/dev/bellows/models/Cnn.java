package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Initializer;
import dev.bellows.nn.Linear;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A classifier of small images: convolution, ReLU and max pooling twice, then a linear layer (LeCun et al. 1998).
///
/// First weights and biases are uniform within 1 / sqrt(fan in), as PyTorch's layers have them (see [Mlp]).
public final class Cnn implements Model {
  private final CnnConfig config;
  private final List<CnnStage> stages;
  private final Linear head;

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
  }

  /// The sizes.
  public CnnConfig config() {
    return config;
  }

  @Override
  public List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>();
    stages.forEach(stage -> all.addAll(stage.parameters()));
    all.addAll(head.parameters());
    return all;
  }

  /// Logits [samples, classes] of images [samples, imageChannels · height · width], each channel row by row.
  @Override
  public Variable logits(Tape tape, Batch batch) {
    Shape shape = batch.inputs().shape();
    if (!batch.inputs().dtype().isFloating()
        || shape.rank() != 2
        || shape.dim(1) != config.inputs()) {
      throw new IllegalArgumentException(
          "this CNN takes images [samples, " + config.inputs() + "], not " + batch.inputs());
    }
    Variable x = tape.constant(batch.inputs());
    for (CnnStage stage : stages) {
      x = tape.segment(stage.name(), x, input -> stage.apply(tape, input));
    }
    return tape.segment("head", x, input -> head.apply(tape, input));
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
    // A stage keeps its output and where each element of it came from. Most is live while the first stage runs backward, or the second forward:
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
