package dev.bellows.parallelism.plan;

import dev.bellows.parallelism.pipeline.PipelineSchedule;

/// In which order the stages of a pipeline play forward and backward of the micro-batches.
public enum ScheduleKind {
  /// All forwards, then all backwards (Huang et al. 2019).
  GPIPE(1),
  /// One forward, one backward, once the pipeline is full (Narayanan et al. 2019).
  ONE_FORWARD_ONE_BACKWARD(1),
  /// The same with two chunks of layers on each stage (Narayanan et al. 2021).
  INTERLEAVED(2);

  private final int chunks;

  ScheduleKind(int chunks) {
    this.chunks = chunks;
  }

  /// Chunks of layers that each stage holds.
  public int chunks() {
    return chunks;
  }

  /// The schedule of `microBatches` micro-batches on `stages` stages. Errors: [IllegalArgumentException] unless both are at least 1.
  public PipelineSchedule schedule(int stages, int microBatches) {
    return switch (this) {
      case GPIPE -> PipelineSchedule.gPipe(stages, microBatches);
      case ONE_FORWARD_ONE_BACKWARD -> PipelineSchedule.oneForwardOneBackward(stages, microBatches);
      case INTERLEAVED -> PipelineSchedule.interleaved(stages, chunks, microBatches);
    };
  }

  /// The name in a configuration: `gpipe`, `1f1b`, `interleaved`.
  @Override
  public String toString() {
    return switch (this) {
      case GPIPE -> "gpipe";
      case ONE_FORWARD_ONE_BACKWARD -> "1f1b";
      case INTERLEAVED -> "interleaved";
    };
  }
}
