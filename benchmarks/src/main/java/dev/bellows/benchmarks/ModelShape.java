package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// What both sides of a comparison train: a model of given sizes, its weights by name, and the batches of its steps.
///
/// A new model is one more record here, one more case in [BellowsSide#model] and one more in [LibtorchModel#of].
sealed interface ModelShape permits CnnShape, GptShape, LlamaShape, MlpShape {
  /// Reads a shape from what [#model] and [#toString] wrote, missing sizes as in the model's default. Errors: [IllegalArgumentException].
  static ModelShape parse(String model, String sizes) {
    return switch (model) {
      case "cnn" -> CnnShape.parse(sizes);
      case "gpt" -> GptShape.parse(sizes, GptShape.SMALL);
      case "llama" -> LlamaShape.parse(sizes);
      case "mlp" -> MlpShape.parse(sizes);
      default ->
          throw new IllegalArgumentException(
              "there is no model called " + model + " to compare; known are cnn, gpt, llama, mlp");
    };
  }

  /// `cnn`, `gpt`, `llama` or `mlp`.
  String model();

  /// Every weight once, in file order.
  List<Weight> weights();

  /// Samples of one step.
  int batch();

  /// Whether the inputs are I32 ids; otherwise they are F32 features.
  boolean takesIds();

  /// Ids or features of one sample.
  int inputsPerSample();

  /// Rows of the logits, and targets, of one sample.
  int rowsPerSample();

  /// Columns of the logits.
  int classes();

  /// Model FLOPs of one step: forward and backward, products and attention only.
  double flopsPerStep();

  /// Rows, inner size and columns of the products whose rate the step is held against.
  List<int[]> products();

  /// Element `index` of the first value of `weight`, drawn from `random`.
  float firstValue(Weight weight, Philox random, long index);

  /// Draws one sample: `inputs` of [#inputsPerSample] and `targets` of [#rowsPerSample] four-byte elements, little-endian.
  void drawSample(MemorySegment inputs, MemorySegment targets, Philox random);

  /// The sizes, as [#parse] reads them.
  @Override
  String toString();

  /// Elements of all weights.
  default long weightCount() {
    return weights().stream().mapToLong(Weight::elements).sum();
  }

  /// Rows of the logits of one step: tokens of a language model, samples of a classifier.
  default long rows() {
    return (long) batch() * rowsPerSample();
  }

  /// Inputs of one step.
  default long inputCount() {
    return (long) batch() * inputsPerSample();
  }
}
