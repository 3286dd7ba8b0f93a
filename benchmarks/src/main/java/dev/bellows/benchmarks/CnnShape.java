package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The sizes of a classifier of one-channel images and of its batch: convolution, ReLU and max pooling by 2 twice, then a linear layer.
///
/// @param side rows and columns of an image
/// @param firstChannels channels behind the first convolution
/// @param secondChannels channels behind the second convolution
/// @param kernel side of both kernels, odd
/// @param classes classes to tell apart
/// @param batch samples of one step
record CnnShape(int side, int firstChannels, int secondChannels, int kernel, int classes, int batch)
    implements ModelShape {
  /// For images of handwritten digits.
  static final CnnShape MNIST = new CnnShape(28, 32, 64, 5, 10, 64);

  CnnShape {
    if (side < 4
        || firstChannels < 1
        || secondChannels < 1
        || kernel < 1
        || kernel % 2 == 0
        || classes < 2
        || batch < 1) {
      throw new IllegalArgumentException(
          "a CNN needs images of 4 x 4 or more, an odd kernel, positive sizes and 2 or more"
              + " classes, not "
              + Sizes.text(sizes(side, firstChannels, secondChannels, kernel, classes, batch)));
    }
  }

  /// Reads the form that [#toString] writes, keys in any order, missing ones as in [#MNIST]; it may begin with the preset `mnist`. Errors:
  /// [IllegalArgumentException] names the key.
  static CnnShape parse(String text) {
    Map<String, Integer> sizes =
        Sizes.parse("a CNN", text, MNIST.sizes(), Map.of("mnist", MNIST.sizes()));
    return new CnnShape(
        sizes.get("side"),
        sizes.get("firstChannels"),
        sizes.get("secondChannels"),
        sizes.get("kernel"),
        sizes.get("classes"),
        sizes.get("batch"));
  }

  @Override
  public String model() {
    return "cnn";
  }

  /// Elements of one sample that the linear layer gets.
  int features() {
    int pooled = side / 2 / 2;
    return secondChannels * pooled * pooled;
  }

  @Override
  public List<Weight> weights() {
    WeightList weights = new WeightList();
    weights.add("conv1.weight", firstChannels, 1, kernel, kernel);
    weights.add("conv1.bias", firstChannels);
    weights.add("conv2.weight", secondChannels, firstChannels, kernel, kernel);
    weights.add("conv2.bias", secondChannels);
    weights.addLinear("fc", classes, features());
    return weights.weights();
  }

  @Override
  public boolean takesIds() {
    return false;
  }

  @Override
  public int inputsPerSample() {
    return side * side;
  }

  @Override
  public int rowsPerSample() {
    return 1;
  }

  /// 6 per sample and multiply-add, those with the padding included, without the first layer's input gradient, which nobody needs.
  @Override
  public double flopsPerStep() {
    double window = (double) kernel * kernel;
    double first = window * firstChannels * side * side;
    double half = Math.floor(side / 2.0);
    double second = window * firstChannels * secondChannels * half * half;
    return batch * (4 * first + 6 * second + 6.0 * features() * classes);
  }

  /// The second convolution, seen as a product.
  @Override
  public List<int[]> products() {
    int rows = batch * (side / 2) * (side / 2);
    return List.of(new int[] {rows, firstChannels * kernel * kernel, secondChannels});
  }

  /// Deviation sqrt(2 / fan in) (He et al. 2015); biases get noise too, so that a wrong one shows in the loss.
  @Override
  public float firstValue(Weight weight, Philox random, long index) {
    double fanIn = (double) weight.elements() / weight.dims()[0];
    double deviation = weight.isDecayed() ? Math.sqrt(2 / fanIn) : 0.02;
    return (float) (deviation * random.normal(index));
  }

  @Override
  public void drawSample(MemorySegment features, MemorySegment targets, Philox random) {
    FeatureSample.draw(features, targets, random, inputsPerSample(), classes);
  }

  private Map<String, Integer> sizes() {
    return sizes(side, firstChannels, secondChannels, kernel, classes, batch);
  }

  private static Map<String, Integer> sizes(
      int side, int firstChannels, int secondChannels, int kernel, int classes, int batch) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("side", side);
    sizes.put("firstChannels", firstChannels);
    sizes.put("secondChannels", secondChannels);
    sizes.put("kernel", kernel);
    sizes.put("classes", classes);
    sizes.put("batch", batch);
    return sizes;
  }

  @Override
  public String toString() {
    return Sizes.text(sizes());
  }
}
