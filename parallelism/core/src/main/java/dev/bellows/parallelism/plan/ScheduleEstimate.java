package dev.bellows.parallelism.plan;

/// What a pipeline schedule costs, in closed form: p stages, m micro-batches, v chunks a stage.
///
/// @param kind which schedule
/// @param stages p, 1 or more
/// @param microBatches m, of one step and data rank, 1 or more
public record ScheduleEstimate(ScheduleKind kind, int stages, int microBatches) {
  /// Share of a step that a stage idles: (p - 1) / (m + p - 1), or (p - 1) / (v·m + p - 1) with v chunks a stage.
  public double bubble() {
    return (stages - 1) / ((double) kind.chunks() * microBatches + stages - 1);
  }

  /// Chunks of saved tensors that `stage` holds at once at most; each is a micro-batch through 1 / v of the stage's layers.
  public int chunksInFlight(int stage) {
    int all = kind.chunks() * microBatches;
    if (stages == 1) {
      return kind.chunks();
    }
    return switch (kind) {
      case GPIPE -> all;
      case ONE_FORWARD_ONE_BACKWARD -> Math.min(all, stages - stage);
      case INTERLEAVED ->
          Math.min(all, 2 * (stages - stage - 1) + (kind.chunks() - 1) * stages + 1);
    };
  }
}
