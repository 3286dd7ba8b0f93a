package dev.bellows.parallelism.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// A chain of layers y = z + z² / 4, z = W x, on plain arrays; the loss is half the squared distance to a target. Small, but in floats, so the
/// order in which gradients are added shows in their bits.
final class TinyModel {
  private static final int WIDTH = 3;
  private static final int ROWS = 2;

  /// One layer with its gradient sum.
  static final class Layer {
    private final float[] weight = new float[WIDTH * WIDTH];
    final float[] gradient = new float[WIDTH * WIDTH];

    private Layer(Random random) {
      fill(weight, random);
      // Twelve layers must neither blow up nor fade out.
      for (int i = 0; i < weight.length; i++) {
        weight[i] *= 0.6f;
      }
    }

    /// z = x Wᵀ.
    private float[] products(float[] x) {
      float[] z = new float[ROWS * WIDTH];
      for (int row = 0; row < ROWS; row++) {
        for (int out = 0; out < WIDTH; out++) {
          for (int in = 0; in < WIDTH; in++) {
            z[row * WIDTH + out] += weight[out * WIDTH + in] * x[row * WIDTH + in];
          }
        }
      }
      return z;
    }

    float[] forward(float[] x) {
      float[] y = products(x);
      for (int i = 0; i < y.length; i++) {
        y[i] += 0.25f * y[i] * y[i];
      }
      return y;
    }

    /// Adds to the weight's gradient and returns that of `x`.
    float[] backward(float[] x, float[] dy) {
      float[] z = products(x);
      float[] dx = new float[x.length];
      for (int row = 0; row < ROWS; row++) {
        for (int out = 0; out < WIDTH; out++) {
          float dz = dy[row * WIDTH + out] * (1 + 0.5f * z[row * WIDTH + out]);
          for (int in = 0; in < WIDTH; in++) {
            gradient[out * WIDTH + in] += dz * x[row * WIDTH + in];
            dx[row * WIDTH + in] += dz * weight[out * WIDTH + in];
          }
        }
      }
      return dx;
    }
  }

  final List<Layer> layers = new ArrayList<>();

  /// `layers` layers, always with the same weights.
  TinyModel(int layers) {
    Random random = new Random(17);
    for (int i = 0; i < layers; i++) {
      this.layers.add(new Layer(random));
    }
  }

  float[] sample(int microBatch) {
    return drawn(1_000 + microBatch);
  }

  /// The gradient of the loss at the model's output `y`.
  float[] lossGradient(int microBatch, float[] y) {
    float[] target = drawn(2_000 + microBatch);
    for (int i = 0; i < y.length; i++) {
      target[i] = y[i] - target[i];
    }
    return target;
  }

  /// One rank without a pipeline: each micro-batch forward and backward through all layers. Returns the outputs of the last layer.
  List<float[]> train(int microBatches, boolean backward) {
    List<float[]> outputs = new ArrayList<>();
    for (int microBatch = 0; microBatch < microBatches; microBatch++) {
      List<float[]> inputs = new ArrayList<>();
      float[] x = sample(microBatch);
      for (Layer layer : layers) {
        inputs.add(x);
        x = layer.forward(x);
      }
      outputs.add(x);
      float[] dy = lossGradient(microBatch, x);
      for (int i = layers.size() - 1; i >= 0 && backward; i--) {
        dy = layers.get(i).backward(inputs.get(i), dy);
      }
    }
    return outputs;
  }

  private static float[] drawn(int seed) {
    float[] values = new float[ROWS * WIDTH];
    fill(values, new Random(seed));
    return values;
  }

  private static void fill(float[] values, Random random) {
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
  }
}
