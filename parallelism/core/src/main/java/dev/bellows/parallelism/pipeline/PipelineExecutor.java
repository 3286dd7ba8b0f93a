package dev.bellows.parallelism.pipeline;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// Plays the list of one stage: for each action it receives the input, computes, and sends the output.
///
/// What goes from one chunk to another of the same stage is handed over here and never reaches the link. Memory: owns a value between its
/// receipt or computation and its handing on; after a failure it closes those that it still holds and that can be closed. Threads: one at a
/// time; every stage of the pipeline plays its list at the same time on a thread or worker of its own.
public final class PipelineExecutor<T> {
  private final PipelineSchedule schedule;
  private final int stage;
  private final StageLink<T> link;
  private final StageWork<T> work;
  private final Map<PipelineMessage, T> held = new HashMap<>();

  /// An executor of stage `stage` of `schedule`. Errors: [IllegalArgumentException] when there is no such stage.
  public PipelineExecutor(
      PipelineSchedule schedule, int stage, StageLink<T> link, StageWork<T> work) {
    if (stage < 0 || stage >= schedule.stages()) {
      throw new IllegalArgumentException(
          "stage " + stage + " does not exist; the pipeline has " + schedule.stages() + " stages");
    }
    this.schedule = schedule;
    this.stage = stage;
    this.link = link;
    this.work = work;
  }

  /// Plays the whole list once, so one step's share of this stage; can be called again for the next step. Blocks until the last action is
  /// done and its output handed to the link. Errors: whatever the link or the work throws, with a [PipelineActionException] attached.
  public void run() {
    try {
      for (PipelineAction action : schedule.actions(stage)) {
        play(action);
      }
    } catch (RuntimeException | Error failure) {
      release(failure);
      throw failure;
    }
  }

  private void play(PipelineAction action) {
    Optional<T> input = located(action, "receiving the input of", () -> receive(action));
    Optional<T> output = located(action, "running", () -> compute(action, input));
    located(
        action,
        "sending the output of",
        () -> {
          send(action, output);
          return Optional.empty();
        });
  }

  private Optional<T> receive(PipelineAction action) {
    return schedule
        .input(action)
        .map(message -> message.isLocal() ? take(message) : link.receive(message));
  }

  private T take(PipelineMessage message) {
    if (!held.containsKey(message)) {
      throw new IllegalStateException(message.describe() + " was never computed");
    }
    return held.remove(message);
  }

  private Optional<T> compute(PipelineAction action, Optional<T> input) {
    return switch (action.pass()) {
      case FORWARD -> work.forward(action.chunk(), action.microBatch(), input);
      case BACKWARD -> work.backward(action.chunk(), action.microBatch(), input);
    };
  }

  private void send(PipelineAction action, Optional<T> output) {
    Optional<PipelineMessage> message = schedule.output(action);
    if (message.isPresent() != output.isPresent()) {
      throw new IllegalStateException(
          message
              .map(due -> due.describe() + " is due, but nothing was returned")
              .orElse("a value was returned, but no chunk takes it"));
    }
    if (message.isPresent()) {
      hand(message.get(), output.get());
    }
  }

  private void hand(PipelineMessage message, T value) {
    if (message.isLocal()) {
      held.put(message, value);
    } else {
      link.send(message, value);
    }
  }

  private Optional<T> located(PipelineAction action, String doing, Supplier<Optional<T>> body) {
    try {
      return body.get();
    } catch (RuntimeException | Error failure) {
      failure.addSuppressed(
          new PipelineActionException(
              "stage "
                  + stage
                  + " of "
                  + schedule.stages()
                  + " failed while "
                  + doing
                  + " "
                  + action.describe()));
      throw failure;
    }
  }

  private void release(Throwable failure) {
    for (T value : held.values()) {
      if (value instanceof AutoCloseable closeable) {
        try {
          closeable.close();
        } catch (Exception e) {
          failure.addSuppressed(e);
        }
      }
    }
    held.clear();
  }
}
