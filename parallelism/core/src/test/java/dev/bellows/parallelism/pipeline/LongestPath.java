package dev.bellows.parallelism.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// The oracle of [PipelineSchedule#makespan]: an action ends its cost after the later of the action before it on its stage and the one whose
/// output it needs. Written from the end backwards, by recursion, and from chunk numbers alone.
final class LongestPath {
  private final PipelineSchedule schedule;
  private final double[][] cost;
  private final double latency;
  private final Map<PipelineAction, PipelineAction> before = new HashMap<>();
  private final Map<PipelineAction, Double> ends = new HashMap<>();

  private LongestPath(PipelineSchedule schedule, Random random) {
    this.schedule = schedule;
    cost = new double[schedule.chunks()][2];
    for (double[] one : cost) {
      one[0] = random.nextDouble();
      one[1] = 2 * random.nextDouble();
    }
    latency = random.nextDouble();
    for (int stage = 0; stage < schedule.stages(); stage++) {
      List<PipelineAction> actions = schedule.actions(stage);
      for (int i = 1; i < actions.size(); i++) {
        before.put(actions.get(i), actions.get(i - 1));
      }
    }
  }

  static void check(String name, PipelineSchedule schedule, long seed) {
    LongestPath path = new LongestPath(schedule, new Random(seed));
    double longest = 0;
    for (int stage = 0; stage < schedule.stages(); stage++) {
      longest = Math.max(longest, path.end(schedule.actions(stage).getLast()));
    }
    assertEquals(
        longest,
        schedule.makespan(path::cost, message -> message.isLocal() ? 0 : path.latency),
        1e-9,
        name + ", seed " + seed);
  }

  private double cost(PipelineAction action) {
    return cost[action.chunk()][action.pass().ordinal()];
  }

  private double end(PipelineAction action) {
    Double known = ends.get(action);
    if (known != null) {
      return known;
    }
    double start = before.containsKey(action) ? end(before.get(action)) : 0;
    int source =
        switch (action.pass()) {
          case FORWARD -> action.chunk() - 1;
          case BACKWARD -> action.chunk() + 1;
        };
    if (source >= 0 && source < schedule.chunks()) {
      double travel = schedule.stages() == 1 ? 0 : latency;
      start =
          Math.max(
              start, end(new PipelineAction(action.pass(), source, action.microBatch())) + travel);
    }
    double end = start + cost(action);
    ends.put(action, end);
    return end;
  }
}
