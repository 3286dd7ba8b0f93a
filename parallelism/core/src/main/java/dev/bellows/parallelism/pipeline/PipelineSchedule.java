package dev.bellows.parallelism.pipeline;

import dev.bellows.parallelism.pipeline.PipelineAction.Pass;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToLongFunction;
import java.util.function.ToDoubleFunction;

/// Who runs which pass of which micro-batch when: for each stage of a pipeline the list of its actions, in order.
///
/// A stage plays its list from top to bottom; before an action it receives [#input], after it sends [#output]. There is no clock: a stage
/// waits where its input is not there yet, and that wait is the bubble.
///
/// **Order.** Each chunk runs its forward passes in micro-batch order and its backward passes in micro-batch order. A chunk's parameters are
/// its own, so every gradient is summed in the order of one rank without a pipeline, with the same bits, whatever the schedule.
///
/// **Waits.** Every list plays to its end when receives block and each stage may be [#sendsAhead] messages ahead on the way to each other
/// stage. Messages from one stage to another are received in exactly the order in which they were sent, activations and gradients together,
/// so one ordered stream for each ordered pair of stages is enough.
///
/// What a schedule costs ([#makespan], [#bubbleFraction], [#peakActivations], [#sendsAhead]) is found by playing the lists, not by a formula;
/// a call takes time proportional to the number of actions. Immutable.
public final class PipelineSchedule {
  private final int stages;
  private final int chunksPerStage;
  private final int microBatches;
  private final List<List<PipelineAction>> actions;

  /// Takes the lists as they are; [#of] checks them.
  PipelineSchedule(
      int stages, int chunksPerStage, int microBatches, List<List<PipelineAction>> actions) {
    ScheduleCheck.checkShape(stages, chunksPerStage, microBatches);
    if (actions.size() != stages) {
      throw new IllegalArgumentException(
          "no pipeline schedule: "
              + actions.size()
              + " lists of actions for "
              + stages
              + " stages");
    }
    this.stages = stages;
    this.chunksPerStage = chunksPerStage;
    this.microBatches = microBatches;
    this.actions = actions.stream().map(List::copyOf).toList();
  }

  /// GPipe: all forward passes, then all backward passes, one chunk for each stage. Each stage keeps the activations of all micro-batches.
  /// A stage waits (p - 1) / (m + p - 1) of the time. Backward runs in micro-batch order, not reversed.
  /// Source: Huang et al. 2019, GPipe.
  public static PipelineSchedule gPipe(int stages, int microBatches) {
    return of(stages, 1, microBatches, ScheduleLists.gPipe(stages, microBatches));
  }

  /// 1F1B with a flush at the end of the step: after a warm-up of p - 1 - stage forward passes a stage alternates one forward and one
  /// backward pass, then drains. The bubble is GPipe's, but stage s keeps the activations of at most p - s micro-batches.
  /// Source: Narayanan et al. 2020, PipeDream-Flush; Narayanan et al. 2021, Megatron-LM.
  public static PipelineSchedule oneForwardOneBackward(int stages, int microBatches) {
    return interleaved(stages, 1, microBatches);
  }

  /// Interleaved 1F1B: v chunks for each stage, micro-batches in groups of p through one chunk after the other. When p divides m a stage
  /// waits (p - 1) / (v · m + p - 1) of the time, and stage s keeps at most 2 · (p - s - 1) + (v - 1) · p + 1 activations of chunks. Any
  /// other m works too: it is the schedule of the next multiple of p without the passes of the micro-batches that do not exist, hence never
  /// slower than that one. With one chunk it is [#oneForwardOneBackward].
  /// Source: Narayanan et al. 2021, Megatron-LM, section 2.2.
  public static PipelineSchedule interleaved(int stages, int chunksPerStage, int microBatches) {
    ScheduleCheck.checkShape(stages, chunksPerStage, microBatches);
    return of(
        stages,
        chunksPerStage,
        microBatches,
        ScheduleLists.interleaved(stages, chunksPerStage, microBatches));
  }

  /// Forward passes only, in the order of [#interleaved]: for evaluation, and for training by local losses such as Mono-Forward.
  public static PipelineSchedule forwardOnly(int stages, int chunksPerStage, int microBatches) {
    return of(
        stages,
        chunksPerStage,
        microBatches,
        ScheduleLists.forwardOnly(stages, chunksPerStage, microBatches));
  }

  /// A schedule from lists of one's own, `actions.get(stage)` for each stage; copied. Errors: [IllegalArgumentException] when an action is
  /// missing, doubled, on the wrong stage or out of micro-batch order, or when the stages would wait for each other for ever.
  public static PipelineSchedule of(
      int stages, int chunksPerStage, int microBatches, List<List<PipelineAction>> actions) {
    PipelineSchedule schedule = new PipelineSchedule(stages, chunksPerStage, microBatches, actions);
    ScheduleCheck.check(schedule);
    return schedule;
  }

  /// Number of stages, p.
  public int stages() {
    return stages;
  }

  /// Model chunks of each stage, v.
  public int chunksPerStage() {
    return chunksPerStage;
  }

  /// Model chunks of all stages, p · v.
  public int chunks() {
    return stages * chunksPerStage;
  }

  /// Micro-batches of one step, m.
  public int microBatches() {
    return microBatches;
  }

  /// The stage that holds `chunk`: chunk mod p.
  public int stageOf(int chunk) {
    return chunk % stages;
  }

  /// What `stage` does, in order. Unmodifiable.
  public List<PipelineAction> actions(int stage) {
    return actions.get(stage);
  }

  /// Whether there are no backward passes.
  public boolean isForwardOnly() {
    return actions.stream().flatMap(List::stream).noneMatch(a -> a.pass() == Pass.BACKWARD);
  }

  /// What `action` waits for; empty for the first chunk's forward pass and the last chunk's backward pass.
  public Optional<PipelineMessage> input(PipelineAction action) {
    return message(action, action.chunk() - direction(action), action.chunk());
  }

  /// What `action` hands on; empty for the last chunk's forward pass and the first chunk's backward pass.
  public Optional<PipelineMessage> output(PipelineAction action) {
    return message(action, action.chunk(), action.chunk() + direction(action));
  }

  private static int direction(PipelineAction action) {
    return switch (action.pass()) {
      case FORWARD -> 1;
      case BACKWARD -> -1;
    };
  }

  private Optional<PipelineMessage> message(PipelineAction action, int from, int to) {
    if (Math.min(from, to) < 0 || Math.max(from, to) >= chunks()) {
      return Optional.empty();
    }
    return Optional.of(
        new PipelineMessage(
            action.pass(), action.microBatch(), from, stageOf(from), to, stageOf(to)));
  }

  /// The largest number of activations that `stage` keeps at a time: passes through one of its chunks, forward done or running, backward not
  /// yet done. Without backward passes nothing is kept beyond the running pass.
  public int peakActivations(int stage) {
    return Math.toIntExact(peakActivations(stage, chunk -> 1));
  }

  /// The same, weighed: the largest sum of `size` over the kept activations, for example bytes, where `size` is what one micro-batch leaves
  /// in a chunk.
  public long peakActivations(int stage, IntToLongFunction size) {
    boolean kept = !isForwardOnly();
    long now = 0;
    long peak = 0;
    for (PipelineAction action : actions.get(stage)) {
      long one = size.applyAsLong(action.chunk());
      switch (action.pass()) {
        case FORWARD -> {
          peak = Math.max(peak, now + one);
          now += kept ? one : 0;
        }
        case BACKWARD -> now -= one;
      }
    }
    return peak;
  }

  /// How many messages a stage must be able to send to another before the first of them is received; 0 means that each send may wait for
  /// its receive (rendezvous). It is 0 for GPipe and for forward passes with one chunk, and never more than 1 otherwise but for two stages
  /// with several chunks each, where it is at most 2. Links that allow exactly this many cost no time when all actions take equally long.
  public int sendsAhead() {
    int ahead = 0;
    while (!play(ahead, action -> 1, message -> 0).isFinished()) {
      ahead++;
    }
    return ahead;
  }

  /// Time from the first action to the end of the last one when each action takes `cost` and nothing else takes time. The unit is that of
  /// `cost`, which may differ by chunk, so by stage, and by micro-batch.
  public double makespan(ToDoubleFunction<PipelineAction> cost) {
    return makespan(cost, message -> 0);
  }

  /// The same, where a message arrives `latency` after it was sent. Sends overlap with what the stage does next.
  public double makespan(
      ToDoubleFunction<PipelineAction> cost, ToDoubleFunction<PipelineMessage> latency) {
    return play(SchedulePlay.UNBOUNDED, cost, latency).makespan();
  }

  /// The share of all stages' time spent waiting when a chunk's forward pass takes 1 and its backward pass 2, everywhere.
  public double bubbleFraction() {
    return bubbleFraction(
        action ->
            switch (action.pass()) {
              case FORWARD -> 1;
              case BACKWARD -> 2;
            });
  }

  /// The share of all stages' time spent waiting when each action takes `cost` and messages take no time: 1 - work / (p · makespan).
  public double bubbleFraction(ToDoubleFunction<PipelineAction> cost) {
    SchedulePlay play = play(SchedulePlay.UNBOUNDED, cost, message -> 0);
    return 1 - play.work() / (stages * play.makespan());
  }

  private SchedulePlay play(
      int sendsAhead,
      ToDoubleFunction<PipelineAction> cost,
      ToDoubleFunction<PipelineMessage> latency) {
    return SchedulePlay.of(this, sendsAhead, cost, latency);
  }
}
