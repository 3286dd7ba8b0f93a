package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The sizes of a classifier of linear layers with ReLU between them, and of its batch.
///
/// @param inputs features of a sample
/// @param width width of each hidden layer
/// @param hidden hidden layers
/// @param classes classes to tell apart
/// @param batch samples of one step
record MlpShape(int inputs, int width, int hidden, int classes, int batch) implements ModelShape {
  /// 784-2000-2000-10 at batch 256, the MLP of issue 3.
  static final MlpShape MNIST = new MlpShape(784, 2000, 2, 10, 256);

  MlpShape {
    if (inputs < 1 || width < 1 || hidden < 0 || classes < 2 || batch < 1) {
      throw new IllegalArgumentException(
          "an MLP needs positive sizes and 2 or more classes, not "
              + Sizes.text(sizes(inputs, width, hidden, classes, batch)));
    }
  }

  /// Reads the form that [#toString] writes, keys in any order, missing ones as in [#MNIST]; it may begin with the preset `mnist`. Errors:
  /// [IllegalArgumentException] names the key.
  static MlpShape parse(String text) {
    Map<String, Integer> sizes =
        Sizes.parse("an MLP", text, MNIST.sizes(), Map.of("mnist", MNIST.sizes()));
    return new MlpShape(
        sizes.get("inputs"),
        sizes.get("width"),
        sizes.get("hidden"),
        sizes.get("classes"),
        sizes.get("batch"));
  }

  @Override
  public String model() {
    return "mlp";
  }

  @Override
  public List<Weight> weights() {
    WeightList weights = new WeightList();
    List<Integer> widths = widths();
    for (int layer = 0; layer + 1 < widths.size(); layer++) {
      weights.addLinear("layers." + layer, widths.get(layer + 1), widths.get(layer));
    }
    return weights.weights();
  }

  /// Features, every hidden width, classes.
  private List<Integer> widths() {
    List<Integer> widths = new ArrayList<>();
    widths.add(inputs);
    for (int layer = 0; layer < hidden; layer++) {
      widths.add(width);
    }
    widths.add(classes);
    return widths;
  }

  @Override
  public boolean takesIds() {
    return false;
  }

  @Override
  public int inputsPerSample() {
    return inputs;
  }

  @Override
  public int rowsPerSample() {
    return 1;
  }

  /// 6 per sample and weight of every product, without the first layer's input gradient, which nobody needs.
  @Override
  public double flopsPerStep() {
    double weights = 0;
    List<Integer> widths = widths();
    for (int layer = 0; layer + 1 < widths.size(); layer++) {
      weights += (layer == 0 ? 4.0 : 6.0) * widths.get(layer) * widths.get(layer + 1);
    }
    return weights * batch;
  }

  @Override
  public List<int[]> products() {
    return List.of(new int[] {batch, inputs, width}, new int[] {batch, width, width});
  }

  /// Deviation sqrt(2 / in) (He et al. 2015); biases get noise too, so that a wrong one shows in the loss.
  @Override
  public float firstValue(Weight weight, Philox random, long index) {
    double deviation = weight.isDecayed() ? Math.sqrt(2.0 / weight.dims()[1]) : 0.02;
    return (float) (deviation * random.normal(index));
  }

  @Override
  public void drawSample(MemorySegment features, MemorySegment targets, Philox random) {
    FeatureSample.draw(features, targets, random, inputs, classes);
  }

  private Map<String, Integer> sizes() {
    return sizes(inputs, width, hidden, classes, batch);
  }

  private static Map<String, Integer> sizes(
      int inputs, int width, int hidden, int classes, int batch) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("inputs", inputs);
    sizes.put("width", width);
    sizes.put("hidden", hidden);
    sizes.put("classes", classes);
    sizes.put("batch", batch);
    return sizes;
  }

  @Override
  public String toString() {
    return Sizes.text(sizes());
  }
}
