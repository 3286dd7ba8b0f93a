package dev.bellows.benchmarks;

/// One rank of a library's all-reduce, with a buffer of F32 numbers of its own that is summed in place. Threads: one at a time.
interface RankReducer extends AutoCloseable {
  /// Makes the buffer hold `elements` numbers, all `value`.
  void fill(long elements, float value);

  /// Number `index` of the buffer.
  float element(long index);

  /// Returns when all ranks have entered.
  void barrier();

  /// Replaces the buffer on every rank by the sum of all.
  void allReduce();

  @Override
  void close();
}
