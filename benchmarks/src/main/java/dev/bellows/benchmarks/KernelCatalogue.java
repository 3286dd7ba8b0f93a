package dev.bellows.benchmarks;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// The kernels of a GPT's training step, at the sizes of a shape.
final class KernelCatalogue {
  private static final int ELEMENT = Float.BYTES;

  private final GptShape shape;
  private final long rows;
  private final long width;
  private final List<TimedKernel> kernels = new ArrayList<>();

  private KernelCatalogue(GptShape shape) {
    this.shape = shape;
    this.rows = shape.rows();
    this.width = shape.width();
  }

  /// Every kernel, in the order that it is printed.
  static List<TimedKernel> of(GptShape shape) {
    KernelCatalogue catalogue = new KernelCatalogue(shape);
    catalogue.elementwise();
    catalogue.norms();
    catalogue.tables();
    catalogue.attention();
    catalogue.updates();
    int width = shape.width();
    catalogue.products("qkv", width, 3 * width);
    catalogue.products("attention_out", width, width);
    catalogue.products("mlp_in", width, 4 * width);
    catalogue.products("mlp_out", 4 * width, width);
    catalogue.products("head", width, shape.vocabulary());
    return List.copyOf(catalogue.kernels);
  }

  /// The kernel called `name`. Errors: [IllegalArgumentException].
  static TimedKernel find(GptShape shape, String name) {
    return of(shape).stream()
        .filter(kernel -> kernel.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("there is no kernel called " + name));
  }

  private void add(String name, double flops, double elements, TimedKernel.Factory factory) {
    kernels.add(new TimedKernel(name, flops, elements * ELEMENT, factory));
  }

  private void elementwise() {
    double narrow = (double) rows * width;
    double wide = 4 * narrow;
    add(
        "residual_add",
        0,
        3 * narrow,
        tensors -> {
          Tensor a = tensors.floats(rows, width);
          Tensor b = tensors.floats(rows, width);
          Tensor out = tensors.floats(rows, width);
          return () -> tensors.backend().add(a, b, out);
        });
    add(
        "gelu",
        0,
        2 * wide,
        tensors -> {
          Tensor x = tensors.floats(rows, 4 * width);
          Tensor y = tensors.floats(rows, 4 * width);
          return () -> tensors.backend().gelu(x, y);
        });
    add(
        "gelu_backward",
        0,
        3 * wide,
        tensors -> {
          Tensor x = tensors.floats(rows, 4 * width);
          Tensor dy = tensors.floats(rows, 4 * width);
          Tensor dx = tensors.floats(rows, 4 * width);
          return () -> tensors.backend().geluBackward(x, dy, dx);
        });
    add(
        "column_sums",
        0,
        wide,
        tensors -> {
          Tensor x = tensors.floats(rows, 4 * width);
          Tensor out = tensors.floats(4 * width);
          return () -> tensors.backend().columnSums(x, out, false);
        });
  }

  private void norms() {
    double elements = (double) rows * width;
    add(
        "layer_norm",
        0,
        2 * elements,
        tensors -> {
          Tensor x = tensors.floats(rows, width);
          Tensor gamma = tensors.floats(width);
          Tensor beta = tensors.floats(width);
          Tensor y = tensors.floats(rows, width);
          Tensor mean = tensors.floats(rows);
          Tensor inverse = tensors.floats(rows);
          return () -> tensors.backend().layerNorm(x, gamma, beta, 1e-5, y, mean, inverse);
        });
    add(
        "layer_norm_backward",
        0,
        3 * elements,
        tensors -> {
          Tensor x = tensors.floats(rows, width);
          Tensor gamma = tensors.floats(width);
          Tensor mean = tensors.filled(0, rows);
          Tensor inverse = tensors.filled(1, rows);
          Tensor dy = tensors.floats(rows, width);
          Tensor dx = tensors.floats(rows, width);
          Tensor dgamma = tensors.floats(width);
          Tensor dbeta = tensors.floats(width);
          return () ->
              tensors
                  .backend()
                  .layerNormBackward(x, gamma, mean, inverse, dy, dx, dgamma, dbeta, false);
        });
  }

  private void tables() {
    int vocabulary = shape.vocabulary();
    double elements = (double) rows * width;
    add(
        "cross_entropy",
        0,
        2.0 * rows * vocabulary,
        tensors -> {
          Tensor logits = tensors.floats(rows, vocabulary);
          Tensor targets = tensors.ids(rows, vocabulary);
          Tensor losses = tensors.floats(rows);
          Tensor gradient = tensors.floats(rows, vocabulary);
          return () ->
              tensors
                  .backend()
                  .crossEntropyWithGradient(logits, targets, 1.0 / rows, losses, gradient);
        });
    double touched = (double) Math.min(rows, vocabulary) * width;
    add(
        "embedding",
        0,
        touched + elements,
        tensors -> {
          Tensor ids = tensors.ids(rows, vocabulary);
          Tensor table = tensors.floats(vocabulary, width);
          Tensor out = tensors.floats(rows, width);
          return () -> tensors.backend().embedding(ids, table, out, false);
        });
    add(
        "embedding_backward",
        0,
        2 * touched + elements,
        tensors -> {
          Tensor ids = tensors.ids(rows, vocabulary);
          Tensor dout = tensors.filled(0, rows, width);
          Tensor dtable = tensors.floats(vocabulary, width);
          return () -> tensors.backend().embeddingBackward(ids, dout, dtable);
        });
  }

  /// Two products forward and five backward, one of them the scores again, which are not kept; over the causal half.
  private void attention() {
    int headWidth = shape.width() / shape.heads();
    Attention spec =
        new Attention(
            shape.batch(), shape.context(), shape.heads(), shape.heads(), headWidth, true);
    double product = (double) rows * width * (shape.context() + 1);
    double elements = (double) rows * width;
    long scores = rows * shape.heads();
    add(
        "attention",
        2 * product,
        4 * elements,
        tensors -> {
          Tensor qkv = tensors.floats(rows, 3 * width);
          Tensor out = tensors.floats(rows, width);
          Tensor logSumExp = tensors.floats(scores);
          return () -> tensors.backend().attention(spec, qkv, out, logSumExp);
        });
    add(
        "attention_backward",
        5 * product,
        8 * elements,
        tensors -> {
          Tensor qkv = tensors.floats(rows, 3 * width);
          Tensor out = tensors.floats(rows, width);
          Tensor logSumExp = tensors.floats(scores);
          Tensor dout = tensors.floats(rows, width);
          Tensor dqkv = tensors.floats(rows, 3 * width);
          tensors.backend().attention(spec, qkv, out, logSumExp);
          return () -> tensors.backend().attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
        });
  }

  private void updates() {
    long weights = shape.weightCount();
    AdamWStep step = new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 10);
    add(
        "adamw",
        0,
        7.0 * weights,
        tensors -> {
          Tensor parameter = tensors.floats(weights);
          Tensor gradient = tensors.floats(weights);
          Tensor first = tensors.filled(0, weights);
          Tensor second = tensors.filled(0.1, weights);
          return () -> tensors.backend().adamW(step, parameter, gradient, first, second);
        });
  }

  /// A linear layer's product, its input gradient and its weight gradient.
  private void products(String name, long in, long out) {
    double flops = 2.0 * rows * in * out;
    double elements = (double) rows * in + (double) in * out + (double) rows * out;
    add(
        "product_" + name,
        flops,
        elements,
        tensors -> {
          Tensor x = tensors.floats(rows, in);
          Tensor w = tensors.floats(out, in);
          Tensor bias = tensors.floats(out);
          Tensor y = tensors.floats(rows, out);
          Backend backend = tensors.backend();
          return () -> backend.gemmBias(Gemm.NT, x, w, bias, y);
        });
    add(
        "product_" + name + "_dx",
        flops,
        elements,
        tensors -> {
          Tensor dy = tensors.floats(rows, out);
          Tensor w = tensors.floats(out, in);
          Tensor dx = tensors.floats(rows, in);
          return () -> tensors.backend().gemm(Gemm.NN, dy, w, dx);
        });
    add(
        "product_" + name + "_dw",
        flops,
        elements,
        tensors -> {
          Tensor dy = tensors.floats(rows, out);
          Tensor x = tensors.floats(rows, in);
          Tensor dw = tensors.floats(out, in);
          return () -> tensors.backend().gemm(Gemm.TN, dy, x, dw);
        });
  }
}
