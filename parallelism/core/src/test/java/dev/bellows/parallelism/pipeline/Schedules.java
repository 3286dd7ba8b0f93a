package dev.bellows.parallelism.pipeline;

import java.util.LinkedHashMap;
import java.util.Map;

/// All kinds of schedules of one size, for tests that go through all of them.
final class Schedules {
  static final int MOST_CHUNKS = 3;

  private Schedules() {}

  /// By name: GPipe, 1F1B, and interleaved and forward-only ones with 1 to [#MOST_CHUNKS] chunks.
  static Map<String, PipelineSchedule> all(int stages, int microBatches) {
    Map<String, PipelineSchedule> all = new LinkedHashMap<>();
    put(all, "GPipe", PipelineSchedule.gPipe(stages, microBatches));
    put(all, "1F1B", PipelineSchedule.oneForwardOneBackward(stages, microBatches));
    for (int chunks = 1; chunks <= MOST_CHUNKS; chunks++) {
      put(all, "interleaved", PipelineSchedule.interleaved(stages, chunks, microBatches));
      put(all, "forward only", PipelineSchedule.forwardOnly(stages, chunks, microBatches));
    }
    return all;
  }

  private static void put(Map<String, PipelineSchedule> all, String kind, PipelineSchedule one) {
    all.put(
        kind
            + ", "
            + one.stages()
            + " stages, "
            + one.chunksPerStage()
            + " chunks each, "
            + one.microBatches()
            + " micro-batches",
        one);
  }
}
