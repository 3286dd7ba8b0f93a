package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;

/// What language models ask of their input.
final class TokenIds {
  private TokenIds() {}

  /// Refuses inputs that are not I32 [samples, 1 to context]; `model` is the model's kind, such as "a GPT".
  static void check(String model, int context, Batch batch) {
    Shape shape = batch.inputs().shape();
    if (batch.inputs().dtype() != DType.I32
        || shape.rank() != 2
        || shape.dim(1) < 1
        || shape.dim(1) > context) {
      throw new IllegalArgumentException(
          model
              + " with context "
              + context
              + " takes I32 ids [samples, 1 to "
              + context
              + "], not "
              + batch.inputs());
    }
  }
}
