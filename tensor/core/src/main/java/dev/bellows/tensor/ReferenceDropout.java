package dev.bellows.tensor;

/// Dropout of [ReferenceBackend], one element at a time.
final class ReferenceDropout {
  private ReferenceDropout() {}

  static void dropout(Dropout spec, Tensor x, Tensor y) {
    long n = x.shape().dim(1);
    int[] words = new int[4];
    for (long i = 0; i < x.elements(); i++) {
      long column = i % n;
      int offset = (int) (column % Dropout.BLOCK);
      long counter =
          spec.counter(i / n, n)
              + column / Dropout.BLOCK * Dropout.COUNTERS
              + offset % Dropout.COUNTERS;
      Philox.block(spec.key(), counter, 0, words);
      long word = Integer.toUnsignedLong(words[offset / Dropout.COUNTERS]);
      Values.write(word < spec.threshold() ? 0 : Values.read(x, i) * spec.scale(), y, i);
    }
  }
}
