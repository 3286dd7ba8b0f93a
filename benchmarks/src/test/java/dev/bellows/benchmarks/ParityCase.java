package dev.bellows.benchmarks;

import java.util.List;

/// A tiny model that is trained here and in libtorch. A new model is one more entry, once [ModelShape] has it.
enum ParityCase {
  CNN(
      new CnnShape(9, 4, 6, 3, 5, 12),
      new Update.AdamW(1e-2, 0.9, 0.95, 1e-3, 0.1),
      // Windows of 9 and 36, 24 features; backward 5, and 54 of the second convolution; weight
      // gradients over 12 images of 9 x 9 and 4 x 4.
      List.of(9, 36, 24, 5, 54, 972, 192, 12)),
  MLP(
      new MlpShape(20, 33, 2, 7, 12),
      new Update.Sgd(0.05, 0.9, true, 0.01),
      // Forward 20, 33, 33; backward 7, 33; weight gradients 12 rows.
      List.of(20, 33, 33, 7, 33, 12)),
  GPT(
      new GptShape(2, 3, 48, 17, 4, 29),
      // An epsilon far above the rounding errors of the gradients: with 1e-8 AdamW turns gradients
      // that are zero but for rounding, such as those of the keys'
      // biases, into whole steps of either sign.
      new Update.AdamW(1e-3, 0.9, 0.95, 1e-3, 0.1),
      // Each of two blocks forward: norm, qkv, scores, values, projection, norm, MLP in and out;
      // the same backward, where the inner sizes are the outer ones;
      // the head 48 and 29; weight gradients 68 rows.
      List.of(
          48, 48, 16, 17, 48, 48, 48, 192, 48, 48, 16, 17, 48, 48, 48, 192, 48, 48, 29, 48, 48, 192,
          48, 48, 17, 16, 144, 48, 48, 192, 48, 48, 17, 16, 144, 48, 68)),
  LLAMA(
      new LlamaShape(2, 4, 2, 48, 80, 17, 4, 29),
      new Update.AdamW(1e-3, 0.9, 0.95, 1e-3, 0.1),
      // As for the GPT; heads of 12, packed width 96, MLP 80; rotary embedding adds two terms.
      List.of(
          48, 48, 2, 12, 17, 48, 48, 48, 80, 48, 48, 2, 12, 17, 48, 48, 48, 80, 48, 48, 29, 48, 48,
          160, 48, 48, 17, 12, 2, 96, 48, 48, 160, 48, 48, 17, 12, 2, 96, 48, 68));

  private final ModelShape shape;
  private final Update update;
  private final List<Integer> accumulations;

  ParityCase(ModelShape shape, Update update, List<Integer> accumulations) {
    this.shape = shape;
    this.update = update;
    this.accumulations = accumulations;
  }

  ModelShape shape() {
    return shape;
  }

  Update update() {
    return update;
  }

  /// Largest difference of two values, as a share of the largest value of their tensor.
  ///
  /// Both sides round to F32 (half an ulp: 2^-24) and add in their own order. The rounding errors of a sum of K terms walk randomly, so they
  /// grow with sqrt(K), and those of sums that follow each other are independent: sqrt of all lengths together. Four standard deviations leave room
  /// for the largest of some thousand elements.
  double tolerance() {
    return 4 * 0x1p-24 * Math.sqrt(accumulations.stream().mapToInt(k -> k).sum());
  }
}
