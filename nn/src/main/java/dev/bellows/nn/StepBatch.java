package dev.bellows.nn;

/// This rank's share of one global batch: a contiguous range of groups, each of equally many micro-batches.
public interface StepBatch {
  /// First group of this rank.
  int firstGroup();

  /// One past the last group of this rank.
  int endGroup();

  /// Micro-batches in each group.
  int microBatchesPerGroup();

  /// Loads micro-batch `index` of `group`; the caller closes it.
  Batch microBatch(int group, int index);

  /// Which samples micro-batch `index` of `group` holds. Whoever can tell without loading it should.
  default SampleRange samples(int group, int index) {
    try (Batch batch = microBatch(group, index)) {
      return SampleRange.of(batch);
    }
  }

  /// Factor from a sum over rows to the mean over the global batch: 1 / (global samples · rows per sample).
  double lossScale();
}
