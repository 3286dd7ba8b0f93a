package dev.bellows.trainer;

import dev.bellows.nn.Batch;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.StepBatch;

/// A batch whose loss is multiplied by `factor` on its way to the gradients. The losses that are reported stay as they are.
record ScaledBatch(StepBatch batch, double factor) implements StepBatch {
  @Override
  public int firstGroup() {
    return batch.firstGroup();
  }

  @Override
  public int endGroup() {
    return batch.endGroup();
  }

  @Override
  public int microBatchesPerGroup() {
    return batch.microBatchesPerGroup();
  }

  @Override
  public Batch microBatch(int group, int index) {
    return batch.microBatch(group, index);
  }

  @Override
  public SampleRange samples(int group, int index) {
    return batch.samples(group, index);
  }

  @Override
  public double lossScale() {
    return batch.lossScale() * factor;
  }
}
