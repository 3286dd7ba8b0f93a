package dev.bellows.benchmarks;

import dev.bellows.tensor.Philox;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The samples that compared classifiers are trained on.
final class FeatureSample {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private FeatureSample() {}

  /// Draws a class and `count` normal features, those whose index is the class modulo the classes shifted by one, so that the class can be learnt.
  static void draw(
      MemorySegment features, MemorySegment targets, Philox random, int count, int classes) {
    int target = (int) random.below(0, classes);
    targets.setAtIndex(I32, 0, target);
    for (int i = 0; i < count; i++) {
      double shift = i % classes == target ? 1 : 0;
      features.setAtIndex(F32, i, (float) (random.normal(i + 1L) + shift));
    }
  }
}
