package dev.bellows.models;

import dev.bellows.nn.Model;

/// A model of token sequences: logits [samples · time, vocabulary] of token ids I32 [samples, time].
public sealed interface LanguageModel extends Model permits Gpt, Llama {
  /// Most positions of a sequence.
  int context();

  /// Token ids are 0 to vocabulary - 1.
  int vocabulary();
}
