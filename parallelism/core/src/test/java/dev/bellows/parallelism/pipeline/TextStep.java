package dev.bellows.parallelism.pipeline;

import dev.bellows.models.LanguageModel;
import dev.bellows.nn.Batch;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.TestTensors;
import dev.bellows.tensor.Backend;
import java.util.Arrays;

/// Some groups of a step over random token sequences, each a function of its place in the run only. Counts what is loaded.
final class TextStep implements StepBatch {
  static final int PER_GROUP = 2;
  private static final long SEED = 7;

  private final Backend backend;
  private final LanguageModel model;
  private final int groups;
  private final long step;
  private final int firstGroup;
  private final int endGroup;
  private int loads;

  /// Groups `firstGroup` to `endGroup` - 1 of the `groups` of step `step`; a micro-batch is one sequence.
  TextStep(
      Backend backend, LanguageModel model, int groups, long step, int firstGroup, int endGroup) {
    this.backend = backend;
    this.model = model;
    this.groups = groups;
    this.step = step;
    this.firstGroup = firstGroup;
    this.endGroup = endGroup;
  }

  /// How many micro-batches have been loaded.
  int loads() {
    return loads;
  }

  @Override
  public int firstGroup() {
    return firstGroup;
  }

  @Override
  public int endGroup() {
    return endGroup;
  }

  @Override
  public int microBatchesPerGroup() {
    return PER_GROUP;
  }

  @Override
  public SampleRange samples(int group, int index) {
    return new SampleRange(1, (step * groups + group) * PER_GROUP + index);
  }

  @Override
  public Batch microBatch(int group, int index) {
    loads++;
    long place = samples(group, index).firstPlace();
    int time = model.context();
    int[] ids = TestTensors.randomIds(SEED + place, time + 1, model.vocabulary());
    int[] inputs = Arrays.copyOf(ids, time);
    int[] targets = Arrays.copyOfRange(ids, 1, time + 1);
    return new Batch(
        TestTensors.ids(backend, inputs, 1, time),
        TestTensors.ids(backend, targets, time),
        1,
        place);
  }

  @Override
  public double lossScale() {
    return 1.0 / ((double) groups * PER_GROUP * model.context());
  }
}
