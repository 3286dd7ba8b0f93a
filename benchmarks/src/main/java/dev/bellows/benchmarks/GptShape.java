package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The sizes of a GPT-2 style model and of its batch, and the list of its weights in file order.
///
/// @param layers blocks
/// @param heads attention heads; divides `width`
/// @param width elements of one position's activation
/// @param context positions of one sequence
/// @param batch sequences of one step
/// @param vocabulary token ids
record GptShape(int layers, int heads, int width, int context, int batch, int vocabulary)
    implements ModelShape {
  /// The GPT of issue 2: nanoGPT's small setting for one machine.
  static final GptShape SMALL = new GptShape(6, 6, 384, 256, 16, 65);

  /// GPT-2 with 124 million weights, its vocabulary rounded up to a multiple of 128.
  static final GptShape GPT2 = new GptShape(12, 12, 768, 256, 4, 50304);

  GptShape {
    if (layers < 1
        || heads < 1
        || context < 1
        || batch < 1
        || vocabulary < 2
        || width < 1
        || width % heads != 0) {
      throw new IllegalArgumentException(
          "a GPT needs positive sizes and heads that divide width, not "
              + Sizes.text(sizes(layers, heads, width, context, batch, vocabulary)));
    }
  }

  /// Reads the form that [#toString] writes, keys in any order, missing ones as in `base`; it may begin with a preset, `small` or `gpt2`.
  /// Errors: [IllegalArgumentException] names the key.
  static GptShape parse(String text, GptShape base) {
    Map<String, Integer> sizes =
        Sizes.parse(
            "a GPT", text, base.sizes(), Map.of("small", SMALL.sizes(), "gpt2", GPT2.sizes()));
    return new GptShape(
        sizes.get("layers"),
        sizes.get("heads"),
        sizes.get("width"),
        sizes.get("context"),
        sizes.get("batch"),
        sizes.get("vocabulary"));
  }

  @Override
  public String model() {
    return "gpt";
  }

  /// Every weight once (the output layer is the token embedding), in file order, named as in GPT-2's published checkpoints.
  @Override
  public List<Weight> weights() {
    WeightList weights = new WeightList();
    weights.add("wte.weight", vocabulary, width);
    weights.add("wpe.weight", context, width);
    for (int layer = 0; layer < layers; layer++) {
      String block = "h." + layer + ".";
      weights.addNorm(block + "ln_1", width);
      weights.addLinear(block + "attn.c_attn", 3L * width, width);
      weights.addLinear(block + "attn.c_proj", width, width);
      weights.addNorm(block + "ln_2", width);
      weights.addLinear(block + "mlp.c_fc", 4L * width, width);
      weights.addLinear(block + "mlp.c_proj", width, 4L * width);
    }
    weights.addNorm("ln_f", width);
    return weights.weights();
  }

  @Override
  public boolean takesIds() {
    return true;
  }

  @Override
  public int inputsPerSample() {
    return context;
  }

  @Override
  public int rowsPerSample() {
    return context;
  }

  @Override
  public int classes() {
    return vocabulary;
  }

  /// The three product shapes of the blocks.
  @Override
  public List<int[]> products() {
    int rows = Math.toIntExact(rows());
    return List.of(
        new int[] {rows, width, 3 * width},
        new int[] {rows, width, 4 * width},
        new int[] {rows, 4 * width, width});
  }

  /// GPT-2's deviations; biases and norms get noise too, so that a wrong one shows in the loss.
  @Override
  public float firstValue(Weight weight, Philox random, long index) {
    boolean norm = weight.name().contains("ln_") && weight.name().endsWith(".weight");
    double deviation =
        weight.name().endsWith("c_proj.weight") ? 0.02 / Math.sqrt(2.0 * layers) : 0.02;
    return (float) ((norm ? 1 : 0) + deviation * random.normal(index));
  }

  @Override
  public void drawSample(MemorySegment inputs, MemorySegment targets, Philox random) {
    TokenSequence.draw(inputs, targets, random, context, vocabulary);
  }

  /// Model FLOPs of one step: 6 per token and weight of every matrix product (blocks and output layer), and attention's four products
  /// (two forward, each twice backward) over the causal half.
  @Override
  public double flopsPerStep() {
    double productWeights = 12.0 * layers * width * width + (double) vocabulary * width;
    double attention = 6.0 * layers * width * (context + 1.0);
    return (6 * productWeights + attention) * rows();
  }

  private Map<String, Integer> sizes() {
    return sizes(layers, heads, width, context, batch, vocabulary);
  }

  private static Map<String, Integer> sizes(
      int layers, int heads, int width, int context, int batch, int vocabulary) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", layers);
    sizes.put("heads", heads);
    sizes.put("width", width);
    sizes.put("context", context);
    sizes.put("batch", batch);
    sizes.put("vocabulary", vocabulary);
    return sizes;
  }

  @Override
  public String toString() {
    return Sizes.text(sizes());
  }
}
