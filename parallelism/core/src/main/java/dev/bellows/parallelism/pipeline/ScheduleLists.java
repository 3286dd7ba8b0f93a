package dev.bellows.parallelism.pipeline;

import dev.bellows.parallelism.pipeline.PipelineAction.Pass;
import java.util.ArrayList;
import java.util.List;

/// Writes the lists of the known schedules. The arguments are checked by [PipelineSchedule].
final class ScheduleLists {
  private ScheduleLists() {}

  static List<List<PipelineAction>> gPipe(int stages, int microBatches) {
    List<List<PipelineAction>> lists = new ArrayList<>();
    for (int stage = 0; stage < stages; stage++) {
      List<PipelineAction> list = new ArrayList<>();
      for (int microBatch = 0; microBatch < microBatches; microBatch++) {
        list.add(PipelineAction.forward(stage, microBatch));
      }
      for (int microBatch = 0; microBatch < microBatches; microBatch++) {
        list.add(PipelineAction.backward(stage, microBatch));
      }
      lists.add(list);
    }
    return lists;
  }

  static List<List<PipelineAction>> forwardOnly(int stages, int chunksPerStage, int microBatches) {
    List<List<PipelineAction>> lists = new ArrayList<>();
    for (int stage = 0; stage < stages; stage++) {
      lists.add(
          existing(
              passes(Pass.FORWARD, stage, stages, chunksPerStage, microBatches), microBatches));
    }
    return lists;
  }

  static List<List<PipelineAction>> interleaved(int stages, int chunksPerStage, int microBatches) {
    List<List<PipelineAction>> lists = new ArrayList<>();
    for (int stage = 0; stage < stages; stage++) {
      List<PipelineAction> forward =
          passes(Pass.FORWARD, stage, stages, chunksPerStage, microBatches);
      List<PipelineAction> backward =
          passes(Pass.BACKWARD, stage, stages, chunksPerStage, microBatches);
      int warmUp = Math.min(forward.size(), warmUp(stage, stages, chunksPerStage));
      List<PipelineAction> list = new ArrayList<>(forward.subList(0, warmUp));
      for (int i = warmUp; i < forward.size(); i++) {
        list.add(forward.get(i));
        list.add(backward.get(i - warmUp));
      }
      list.addAll(backward.subList(forward.size() - warmUp, backward.size()));
      lists.add(existing(list, microBatches));
    }
    return lists;
  }

  /// Forward passes before the first backward pass. With one chunk a stage needs one for each stage behind it; with several it needs two for
  /// each, because the gradient comes back a whole round of chunks later and stages next to each other start one pass apart in both directions.
  private static int warmUp(int stage, int stages, int chunksPerStage) {
    int behind = stages - 1 - stage;
    return chunksPerStage == 1 ? behind : 2 * behind + (chunksPerStage - 1) * stages;
  }

  /// All passes of `stage` in one direction: groups of as many micro-batches as stages, each group through all chunks before the next one
  /// starts. The last group is filled up with micro-batches that may not exist.
  private static List<PipelineAction> passes(
      Pass pass, int stage, int stages, int chunksPerStage, int microBatches) {
    List<PipelineAction> passes = new ArrayList<>();
    for (int first = 0; first < microBatches; first += stages) {
      for (int turn = 0; turn < chunksPerStage; turn++) {
        int round =
            switch (pass) {
              case FORWARD -> turn;
              case BACKWARD -> chunksPerStage - 1 - turn;
            };
        for (int microBatch = first; microBatch < first + stages; microBatch++) {
          passes.add(new PipelineAction(pass, round * stages + stage, microBatch));
        }
      }
    }
    return passes;
  }

  /// Leaves out micro-batches that do not exist. Nothing that stays depends on them, so a schedule that plays to its end still does.
  private static List<PipelineAction> existing(List<PipelineAction> actions, int microBatches) {
    return actions.stream().filter(action -> action.microBatch() < microBatches).toList();
  }
}
