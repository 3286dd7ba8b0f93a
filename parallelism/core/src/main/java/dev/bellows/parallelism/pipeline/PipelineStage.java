package dev.bellows.parallelism.pipeline;

import java.util.List;

/// One stage of a pipeline: the list that it plays and the chunks that it holds.
///
/// @param schedule the schedule of all stages
/// @param number which stage, from 0
/// @param chunks its chunks, ascending
public record PipelineStage(PipelineSchedule schedule, int number, List<PipelineChunk> chunks) {
  public PipelineStage {
    chunks = List.copyOf(chunks);
    if (number < 0 || number >= schedule.stages() || chunks.size() != schedule.chunksPerStage()) {
      throw new IllegalArgumentException(
          "stage "
              + number
              + " with "
              + chunks.size()
              + " chunks is not one of the "
              + schedule.stages()
              + " stages with "
              + schedule.chunksPerStage()
              + " chunks each of the schedule");
    }
  }

  /// The chunk of this number, counted over all stages.
  PipelineChunk chunk(int chunk) {
    return chunks.get(chunk / schedule.stages());
  }

  boolean isFirst(int chunk) {
    return chunk == 0;
  }

  boolean isLast(int chunk) {
    return chunk == schedule.chunks() - 1;
  }
}
