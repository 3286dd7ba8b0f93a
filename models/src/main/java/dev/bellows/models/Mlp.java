package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Linear;
import dev.bellows.nn.Model;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/// A classifier of linear layers with ReLU between them.
///
/// First weights and biases are uniform within 1 / sqrt(in), which is the Kaiming-uniform rule with the slope sqrt(5) that PyTorch's linear
/// layer uses (He et al. 2015).
public final class Mlp implements Model {
  private final MlpConfig config;
  private final List<Unit> units = new ArrayList<>();

  /// A model of these sizes; allocates nothing.
  public Mlp(MlpConfig config) {
    this.config = config;
    int in = config.inputs();
    for (int width : config.hidden()) {
      Linear layer = layer(in, width);
      addUnit("layers." + units.size(), layer, (tape, x) -> tape.relu(layer.apply(tape, x)));
      in = width;
    }
    Linear last = layer(in, config.classes());
    addUnit("head", last, last::apply);
  }

  private Linear layer(int in, int out) {
    Initializer uniform = Initializer.uniform(1 / Math.sqrt(in));
    return Linear.of("layers." + units.size(), in, out, uniform, Optional.of(uniform));
  }

  private void addUnit(String name, Linear layer, BiFunction<Tape, Variable, Variable> body) {
    boolean first = units.isEmpty();
    units.add(
        new SegmentUnit(
            name,
            Unit.Position.LAYER,
            layer.parameters(),
            Math.toIntExact(layer.weight().shape().dim(0)),
            (tape, x) -> body.apply(tape, first ? checked(x) : x)));
  }

  private Variable checked(Variable features) {
    Tensor x = features.value();
    if (!x.dtype().isFloating() || x.shape().rank() != 2 || x.shape().dim(1) != config.inputs()) {
      throw new IllegalArgumentException(
          "this MLP takes features [samples, " + config.inputs() + "], not " + x);
    }
    return features;
  }

  /// The sizes.
  public MlpConfig config() {
    return config;
  }

  /// The layers, the last of which is called head: logits [samples, classes] of features [samples, inputs].
  @Override
  public List<Unit> units() {
    return List.copyOf(units);
  }

  @Override
  public int rowsPerSample() {
    return 1;
  }

  @Override
  public double flopsPerSample() {
    return 6.0
        * parameters().stream()
            .filter(parameter -> parameter.shape().rank() == 2)
            .mapToLong(parameter -> parameter.shape().elements())
            .sum();
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
