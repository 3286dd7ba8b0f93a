package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Shape;
import java.util.List;

/// Convolution, ReLU and max pooling by 2 of a [Cnn].
final class CnnStage {
  private final String name;
  private final Convolution convolution;
  private final Pooling pooling;
  private final Parameter weight;
  private final Parameter bias;

  CnnStage(String name, int inChannels, int height, int width, int outChannels, int kernel) {
    this.name = name;
    convolution =
        new Convolution(inChannels, height, width, outChannels, kernel, 1, kernel / 2);
    pooling = new Pooling(outChannels, height, width, 2, 2);
    Initializer uniform = Initializer.uniform(1 / Math.sqrt(convolution.window()));
    Shape shape = Shape.of(outChannels, inChannels, kernel, kernel);
    weight = Parameter.of(name + ".weight", shape, uniform, true);
    bias = Parameter.of(name + ".bias", Shape.of(outChannels), uniform, false);
  }

  String name() {
    return name;
  }

  Pooling pooling() {
    return pooling;
  }

  List<Parameter> parameters() {
    return List.of(weight, bias);
  }

  /// Records the stage; uses `x` [samples, image] up. ReLU and the maximum commute: pooled first, the ReLU has a quarter of the work, and backward
  /// needs nothing of the convolution's output.
  Variable apply(Tape tape, Variable x) {
    return tape.relu(tape.maxPool(pooling, tape.convolution(convolution, x, weight, bias)));
  }

  /// Multiply-adds of one sample's convolution, those with the padding included.
  double products() {
    return (double) convolution.window() * convolution.outElements();
  }

  /// Elements of the convolution's output for one sample.
  long unpooled() {
    return convolution.outElements();
  }

  /// Elements of the stage's output for one sample.
  long pooled() {
    return pooling.outElements();
  }
}
