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

/// A classifier of linear layers with ReLU between them.
///
/// First weights and biases are uniform within 1 / sqrt(in), which is the Kaiming-uniform rule with the slope sqrt(5) that PyTorch's linear
/// layer uses (He et al. 2015).
public final class Mlp implements Model {
  private final MlpConfig config;
  private final List<Linear> layers = new ArrayList<>();

  /// A model of these sizes; allocates nothing.
  public Mlp(MlpConfig config) {
    this.config = config;
    int in = config.inputs();
    for (int width : config.hidden()) {
      addLayer(in, width);
      in = width;
    }
    addLayer(in, config.classes());
  }

  private void addLayer(int in, int out) {
    Initializer uniform = Initializer.uniform(1 / Math.sqrt(in));
    layers.add(Linear.of("layers." + layers.size(), in, out, uniform, Optional.of(uniform)));
  }

  /// The sizes.
  public MlpConfig config() {
    return config;
  }

  @Override
  public List<Parameter> parameters() {
    return layers.stream().flatMap(layer -> layer.parameters().stream()).toList();
  }

  /// Logits [samples, classes] of features [samples, inputs].
  @Override
  public Variable logits(Tape tape, Batch batch) {
    Shape shape = batch.inputs().shape();
    if (!batch.inputs().dtype().isFloating()
        || shape.rank() != 2
        || shape.dim(1) != config.inputs()) {
      throw new IllegalArgumentException(
          "this MLP takes features [samples, " + config.inputs() + "], not " + batch.inputs());
    }
    Variable x = tape.constant(batch.inputs());
    for (int i = 0; i < layers.size() - 1; i++) {
      Linear layer = layers.get(i);
      x = tape.segment("layers." + i, x, input -> tape.relu(layer.apply(tape, input)));
    }
    return tape.segment("head", x, input -> layers.getLast().apply(tape, input));
  }

  @Override
  public int rowsPerSample() {
    return 1;
  }

  @Override
  public double flopsPerSample() {
    return 6.0 * layers.stream().mapToLong(layer -> layer.weight().shape().elements()).sum();
  }

  @Override
  public long activationBytes(int samples) {
    // The batch itself is the loader's. While the first layer's ReLU runs its input is still there,
    // and so is the last gradient in backward.
    long widths = config.hidden().stream().mapToLong(width -> width).sum();
    long widest = config.hidden().stream().mapToLong(width -> width).max().orElse(0);
    return Float.BYTES * (long) samples * (widths + Math.max(widest, config.classes()));
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("MLP ").append(config.inputs());
    config.hidden().forEach(width -> text.append('-').append(width));
    return text.append('-').append(config.classes()).toString();
  }
}
