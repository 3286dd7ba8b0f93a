package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The text that compared language models are trained on.
final class TokenSequence {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private TokenSequence() {}

  /// Draws `length` ids and the ids that follow them. It can be learnt: mostly `next = 3·token + 1`, one token in four is drawn at random.
  static void draw(
      MemorySegment inputs, MemorySegment targets, Philox random, int length, int vocabulary) {
    int token = (int) random.below(0, vocabulary);
    for (int t = 0; t < length; t++) {
      inputs.setAtIndex(I32, t, token);
      boolean drawn = random.below(2L * t + 1, 4) == 0;
      token =
          drawn
              ? (int) random.below(2L * t + 2, vocabulary)
              : (int) ((3L * token + 1) % vocabulary);
      targets.setAtIndex(I32, t, token);
    }
  }
}
