package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The sizes of a Llama style model with a head of its own, and of its batch.
///
/// @param layers blocks
/// @param heads query heads; divides `width`
/// @param keyValueHeads key and value heads; divides `heads`
/// @param width elements of one position's activation
/// @param intermediate elements between the two products of the MLP
/// @param context positions of one sequence
/// @param batch sequences of one step
/// @param vocabulary token ids
record LlamaShape(
    int layers,
    int heads,
    int keyValueHeads,
    int width,
    int intermediate,
    int context,
    int batch,
    int vocabulary)
    implements ModelShape {
  /// As large as [GptShape#SMALL], with two query heads for each key and value head.
  static final LlamaShape SMALL = new LlamaShape(6, 6, 3, 384, 1024, 256, 16, 65);

  /// Base of the rotary embedding's wave lengths.
  static final double THETA = 10_000;

  LlamaShape {
    if (layers < 1
        || heads < 1
        || keyValueHeads < 1
        || width < 1
        || intermediate < 1
        || context < 1
        || batch < 1
        || vocabulary < 2
        || width % (2 * heads) != 0
        || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "a Llama needs positive sizes, a width that is a multiple of twice its heads, and heads"
              + " that are a multiple of its keyValueHeads, not "
              + Sizes.text(
                  sizes(
                      layers,
                      heads,
                      keyValueHeads,
                      width,
                      intermediate,
                      context,
                      batch,
                      vocabulary)));
    }
  }

  /// Reads the form that [#toString] writes, keys in any order, missing ones as in [#SMALL]; it may begin with the preset `small`. Errors:
  /// [IllegalArgumentException] names the key.
  static LlamaShape parse(String text) {
    Map<String, Integer> sizes =
        Sizes.parse("a Llama", text, SMALL.sizes(), Map.of("small", SMALL.sizes()));
    return new LlamaShape(
        sizes.get("layers"),
        sizes.get("heads"),
        sizes.get("keyValueHeads"),
        sizes.get("width"),
        sizes.get("intermediate"),
        sizes.get("context"),
        sizes.get("batch"),
        sizes.get("vocabulary"));
  }

  @Override
  public String model() {
    return "llama";
  }

  int headWidth() {
    return width / heads;
  }

  /// Elements of one row of packed queries, keys and values.
  int packedWidth() {
    return (heads + 2 * keyValueHeads) * headWidth();
  }

  @Override
  public List<Weight> weights() {
    WeightList weights = new WeightList();
    weights.add("model.embed_tokens.weight", vocabulary, width);
    for (int layer = 0; layer < layers; layer++) {
      String block = "model.layers." + layer + ".";
      weights.add(block + "input_layernorm.weight", width);
      weights.add(block + "self_attn.qkv_proj.weight", packedWidth(), width);
      weights.add(block + "self_attn.o_proj.weight", width, width);
      weights.add(block + "post_attention_layernorm.weight", width);
      weights.add(block + "mlp.gate_up_proj.weight", 2L * intermediate, width);
      weights.add(block + "mlp.down_proj.weight", width, intermediate);
    }
    weights.add("model.norm.weight", width);
    weights.add("lm_head.weight", vocabulary, width);
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

  /// As [GptShape#flopsPerStep].
  @Override
  public double flopsPerStep() {
    double block = (double) width * packedWidth() + (double) width * width;
    double productWeights =
        layers * (block + 3.0 * width * intermediate) + (double) vocabulary * width;
    double attention = 6.0 * layers * width * (context + 1.0);
    return (6 * productWeights + attention) * rows();
  }

  @Override
  public List<int[]> products() {
    int rows = Math.toIntExact(rows());
    return List.of(
        new int[] {rows, width, packedWidth()},
        new int[] {rows, width, 2 * intermediate},
        new int[] {rows, intermediate, width});
  }

  /// GPT-2's deviations; norms get noise too, so that a wrong one shows in the loss.
  @Override
  public float firstValue(Weight weight, Philox random, long index) {
    boolean last =
        weight.name().endsWith("o_proj.weight") || weight.name().endsWith("down_proj.weight");
    double deviation = last ? 0.02 / Math.sqrt(2.0 * layers) : 0.02;
    return (float) ((weight.isDecayed() ? 0 : 1) + deviation * random.normal(index));
  }

  @Override
  public void drawSample(MemorySegment inputs, MemorySegment targets, Philox random) {
    TokenSequence.draw(inputs, targets, random, context, vocabulary);
  }

  private Map<String, Integer> sizes() {
    return sizes(layers, heads, keyValueHeads, width, intermediate, context, batch, vocabulary);
  }

  private static Map<String, Integer> sizes(
      int layers,
      int heads,
      int keyValueHeads,
      int width,
      int intermediate,
      int context,
      int batch,
      int vocabulary) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", layers);
    sizes.put("heads", heads);
    sizes.put("keyValueHeads", keyValueHeads);
    sizes.put("width", width);
    sizes.put("intermediate", intermediate);
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
