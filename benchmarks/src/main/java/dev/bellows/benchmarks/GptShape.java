package dev.bellows.benchmarks;

import java.util.ArrayList;
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
record GptShape(int layers, int heads, int width, int context, int batch, int vocabulary) {
  /// The GPT of issue 2: nanoGPT's small setting for one machine.
  static final GptShape SMALL = new GptShape(6, 6, 384, 256, 16, 65);

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
              + text(layers, heads, width, context, batch, vocabulary));
    }
  }

  /// One weight tensor in the weights file.
  ///
  /// @param name its path as in GPT-2's published checkpoints
  /// @param dims row-major dims; linear weights are [out, in]
  /// @param offset first element in the file
  record Weight(String name, long[] dims, long offset) {
    long elements() {
      long product = 1;
      for (long dim : dims) {
        product *= dim;
      }
      return product;
    }

    /// Matrices decay, vectors do not.
    boolean isDecayed() {
      return dims.length >= 2;
    }
  }

  /// Reads the form that [#toString] writes, keys in any order, missing ones as in `base`. Errors: [IllegalArgumentException] names
  /// the key.
  static GptShape parse(String text, GptShape base) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put("layers", base.layers);
    sizes.put("heads", base.heads);
    sizes.put("width", base.width);
    sizes.put("context", base.context);
    sizes.put("batch", base.batch);
    sizes.put("vocabulary", base.vocabulary);
    for (String pair : text.isBlank() ? new String[0] : text.split(",")) {
      String[] parts = pair.split("=", 2);
      if (parts.length != 2 || !sizes.containsKey(parts[0])) {
        throw new IllegalArgumentException(
            "a GPT's shape has no key '"
                + parts[0]
                + "'; the keys are "
                + String.join(", ", sizes.keySet()));
      }
      sizes.put(parts[0], Integer.parseInt(parts[1].trim()));
    }
    return new GptShape(
        sizes.get("layers"),
        sizes.get("heads"),
        sizes.get("width"),
        sizes.get("context"),
        sizes.get("batch"),
        sizes.get("vocabulary"));
  }

  /// Every weight once (the output layer is the token embedding), in file order.
  List<Weight> weights() {
    Builder weights = new Builder();
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
    return weights.list;
  }

  private static final class Builder {
    private final List<Weight> list = new ArrayList<>();
    private long offset;

    private void add(String name, long... dims) {
      Weight weight = new Weight(name, dims, offset);
      list.add(weight);
      offset += weight.elements();
    }

    private void addNorm(String name, long width) {
      add(name + ".weight", width);
      add(name + ".bias", width);
    }

    private void addLinear(String name, long out, long in) {
      add(name + ".weight", out, in);
      add(name + ".bias", out);
    }
  }

  /// Elements of all weights.
  long weightCount() {
    return weights().stream().mapToLong(Weight::elements).sum();
  }

  /// Tokens of one step.
  long tokens() {
    return (long) batch * context;
  }

  /// Model FLOPs of one step: 6 per token and weight of every matrix product (blocks and output layer), and attention's four products
  /// (two forward, each twice backward) over the causal half.
  double flopsPerStep() {
    double productWeights = 12.0 * layers * width * width + (double) vocabulary * width;
    double attention = 6.0 * layers * width * (context + 1.0);
    return (6 * productWeights + attention) * tokens();
  }

  private static String text(
      int layers, int heads, int width, int context, int batch, int vocabulary) {
    return "layers="
        + layers
        + ",heads="
        + heads
        + ",width="
        + width
        + ",context="
        + context
        + ",batch="
        + batch
        + ",vocabulary="
        + vocabulary;
  }

  @Override
  public String toString() {
    return text(layers, heads, width, context, batch, vocabulary);
  }
}
