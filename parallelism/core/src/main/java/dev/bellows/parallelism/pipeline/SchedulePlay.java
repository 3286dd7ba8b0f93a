package dev.bellows.parallelism.pipeline;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/// Plays the lists of all stages on paper, each stage with a clock of its own.
///
/// Receives block. Messages from one stage to another form one queue and are taken in the order in which they were sent; a receive of another
/// message than the first waits for ever. A send of the n-th message of a queue returns once message n - `sendsAhead` is received. A message
/// that stays on its stage never waits to be taken. The outcome does not depend on the order in which the stages are advanced. Threads: one.
final class SchedulePlay {
  /// Sends never wait.
  static final int UNBOUNDED = Integer.MAX_VALUE;

  /// One direction between two stages.
  private record Route(int fromStage, int toStage) {}

  /// The messages of one route: all that were offered, when, and when each was taken; `takenAt` is as long as messages were taken.
  private record Queue(List<PipelineMessage> sent, List<Double> sentAt, List<Double> takenAt) {}

  private final PipelineSchedule schedule;
  private final int sendsAhead;
  private final ToDoubleFunction<PipelineAction> cost;
  private final ToDoubleFunction<PipelineMessage> latency;
  private final Map<Route, Queue> queues = new HashMap<>();
  private final List<Stage> stages = new ArrayList<>();

  private SchedulePlay(
      PipelineSchedule schedule,
      int sendsAhead,
      ToDoubleFunction<PipelineAction> cost,
      ToDoubleFunction<PipelineMessage> latency) {
    this.schedule = schedule;
    this.sendsAhead = sendsAhead;
    this.cost = cost;
    this.latency = latency;
    for (int stage = 0; stage < schedule.stages(); stage++) {
      stages.add(new Stage(stage));
    }
  }

  /// Plays `schedule` as far as it goes.
  static SchedulePlay of(
      PipelineSchedule schedule,
      int sendsAhead,
      ToDoubleFunction<PipelineAction> cost,
      ToDoubleFunction<PipelineMessage> latency) {
    SchedulePlay play = new SchedulePlay(schedule, sendsAhead, cost, latency);
    boolean moved = true;
    while (moved) {
      moved = false;
      for (Stage stage : play.stages) {
        moved |= stage.advance();
      }
    }
    return play;
  }

  /// Whether all lists were played to their end.
  boolean isFinished() {
    return stages.stream().allMatch(Stage::isFinished);
  }

  /// When the last stage ended.
  double makespan() {
    return stages.stream().mapToDouble(stage -> stage.clock).max().orElse(0);
  }

  /// The sum of all actions' costs.
  double work() {
    return stages.stream().mapToDouble(stage -> stage.busy).sum();
  }

  /// What each unfinished stage waits for.
  String describeWait() {
    return stages.stream()
        .filter(stage -> !stage.isFinished())
        .map(Stage::describeWait)
        .reduce((left, right) -> left + "; " + right)
        .orElse("no stage waits");
  }

  private Queue queue(PipelineMessage message) {
    return queues.computeIfAbsent(
        new Route(message.fromStage(), message.toStage()),
        route -> new Queue(new ArrayList<>(), new ArrayList<>(), new ArrayList<>()));
  }

  /// One stage: how far it is in its list, and in its current action.
  private final class Stage {
    private static final int NOT_OFFERED = -1;

    private final int number;
    private final List<PipelineAction> actions;
    private int next;
    private boolean computed;
    private int place = NOT_OFFERED;
    private double clock;
    private double busy;

    Stage(int number) {
      this.number = number;
      actions = schedule.actions(number);
    }

    boolean isFinished() {
      return next == actions.size();
    }

    /// Goes on until it must wait. Returns whether anything happened that another stage may wait for; a message is first offered in the
    /// turn that computed it, so an offer counts too.
    boolean advance() {
      boolean moved = false;
      while (!isFinished() && step(actions.get(next))) {
        moved = true;
      }
      return moved;
    }

    /// Receives and computes, or sends; false when it must wait.
    private boolean step(PipelineAction action) {
      if (!computed) {
        Optional<PipelineMessage> input = schedule.input(action);
        if (input.isPresent() && !receive(input.get())) {
          return false;
        }
        double duration = cost.applyAsDouble(action);
        clock += duration;
        busy += duration;
        computed = true;
        return true;
      }
      Optional<PipelineMessage> output = schedule.output(action);
      if (output.isPresent() && !send(output.get())) {
        return false;
      }
      computed = false;
      next++;
      return true;
    }

    private boolean receive(PipelineMessage message) {
      Queue queue = queue(message);
      int first = queue.takenAt().size();
      if (first == queue.sent().size() || !queue.sent().get(first).equals(message)) {
        return false;
      }
      clock = Math.max(clock, queue.sentAt().get(first) + latency.applyAsDouble(message));
      queue.takenAt().add(clock);
      return true;
    }

    private boolean send(PipelineMessage message) {
      Queue queue = queue(message);
      if (place == NOT_OFFERED) {
        place = queue.sent().size();
        queue.sent().add(message);
        queue.sentAt().add(clock);
      }
      int before = message.isLocal() ? NOT_OFFERED : place - sendsAhead;
      if (before >= queue.takenAt().size()) {
        return false;
      }
      if (before >= 0) {
        clock = Math.max(clock, queue.takenAt().get(before));
      }
      place = NOT_OFFERED;
      return true;
    }

    String describeWait() {
      PipelineAction action = actions.get(next);
      Optional<PipelineMessage> message =
          computed ? schedule.output(action) : schedule.input(action);
      return "stage "
          + number
          + " waits to "
          + (computed ? "send " : "receive ")
          + message.map(PipelineMessage::describe).orElse("nothing");
    }
  }
}
