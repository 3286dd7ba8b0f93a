package dev.bellows.parallelism.pipeline;

import java.util.List;
import java.util.function.Supplier;

/// Checks what [PipelineSchedule] promises about its lists. Every error is an [IllegalArgumentException].
final class ScheduleCheck {
  private final PipelineSchedule schedule;
  private final int[] forward;
  private final int[] backward;

  private ScheduleCheck(PipelineSchedule schedule) {
    this.schedule = schedule;
    forward = new int[schedule.chunks()];
    backward = new int[schedule.chunks()];
  }

  static void checkShape(int stages, int chunksPerStage, int microBatches) {
    require(
        stages >= 1 && chunksPerStage >= 1 && microBatches >= 1,
        () ->
            stages
                + " stages with "
                + chunksPerStage
                + " chunks each cannot run "
                + microBatches
                + " micro-batches; all three must be at least 1");
  }

  static void check(PipelineSchedule schedule) {
    ScheduleCheck check = new ScheduleCheck(schedule);
    for (int stage = 0; stage < schedule.stages(); stage++) {
      check.checkStage(stage);
    }
    check.checkComplete();
    SchedulePlay play =
        SchedulePlay.of(schedule, SchedulePlay.UNBOUNDED, action -> 1, message -> 0);
    require(play.isFinished(), () -> "the stages wait for each other: " + play.describeWait());
  }

  private void checkStage(int stage) {
    List<PipelineAction> actions = schedule.actions(stage);
    for (PipelineAction action : actions) {
      int chunk = action.chunk();
      require(
          chunk >= 0 && chunk < schedule.chunks() && schedule.stageOf(chunk) == stage,
          () ->
              "stage " + stage + " lists " + action.describe() + ", but does not hold that chunk");
      int[] done =
          switch (action.pass()) {
            case FORWARD -> forward;
            case BACKWARD -> backward;
          };
      require(
          action.microBatch() == done[chunk] && action.microBatch() < schedule.microBatches(),
          () -> "stage " + stage + " lists " + action.describe() + outOfOrder(done[chunk]));
      done[chunk]++;
      require(
          backward[chunk] <= forward[chunk],
          () -> "stage " + stage + " lists " + action.describe() + " before its forward pass");
    }
  }

  private String outOfOrder(int due) {
    return due < schedule.microBatches()
        ? " where micro-batch " + due + " is due; gradients accumulate in micro-batch order"
        : ", but all " + schedule.microBatches() + " micro-batches have passed";
  }

  private void checkComplete() {
    boolean forwardOnly = schedule.isForwardOnly();
    int microBatches = schedule.microBatches();
    for (int chunk = 0; chunk < schedule.chunks(); chunk++) {
      int at = chunk;
      require(
          forward[chunk] == microBatches && (forwardOnly || backward[chunk] == microBatches),
          () ->
              "chunk "
                  + at
                  + " has "
                  + forward[at]
                  + " forward and "
                  + backward[at]
                  + " backward passes for "
                  + microBatches
                  + " micro-batches");
    }
  }

  private static void require(boolean holds, Supplier<String> sentence) {
    if (!holds) {
      throw new IllegalArgumentException("no pipeline schedule: " + sentence.get());
    }
  }
}
