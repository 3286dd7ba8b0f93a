package dev.bellows.parallelism.pipeline;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Plays all stages of a schedule at the same time, each on a thread of its own, over a [TinyModel].
final class TinyPipeline {
  final PipelineSchedule schedule;
  final TinyModel model;
  final List<TinyStage> stages = new ArrayList<>();
  final QueueLinks<float[]> links;

  TinyPipeline(PipelineSchedule schedule, int bound, long limitMillis) {
    this.schedule = schedule;
    model = new TinyModel(schedule.chunks());
    links = new QueueLinks<>(bound, limitMillis);
    for (int stage = 0; stage < schedule.stages(); stage++) {
      stages.add(new TinyStage(model, schedule.isForwardOnly()));
    }
  }

  /// Plays `steps` steps and returns what failed, empty for success.
  List<Throwable> run(int steps) throws InterruptedException {
    List<Throwable> failures = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int stage = 0; stage < schedule.stages(); stage++) {
      PipelineExecutor<float[]> executor =
          new PipelineExecutor<>(schedule, stage, links, stages.get(stage));
      threads.add(
          Thread.ofPlatform()
              .name("stage-" + stage)
              .start(
                  () -> {
                    try {
                      for (int step = 0; step < steps; step++) {
                        executor.run();
                      }
                    } catch (Throwable e) {
                      synchronized (failures) {
                        failures.add(e);
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join(TimeUnit.SECONDS.toMillis(60));
      assertFalse(thread.isAlive(), thread.getName() + " hangs");
    }
    return failures;
  }
}
