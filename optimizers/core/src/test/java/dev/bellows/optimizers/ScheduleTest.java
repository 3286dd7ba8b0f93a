package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ScheduleTest {
  private static void points(Schedule schedule, double... stepsAndRates) {
    for (int i = 0; i < stepsAndRates.length; i += 2) {
      assertEquals(
          stepsAndRates[i + 1],
          schedule.at((long) stepsAndRates[i]),
          1e-15,
          schedule + " at step " + stepsAndRates[i]);
    }
  }

  @Test
  void constant() {
    points(new Constant(0.8, 3), 0, 0.2, 1, 0.4, 2, 0.6, 3, 0.8, 4, 0.8, 1_000_000, 0.8);
    points(new Constant(0.8, 0), 0, 0.8, 1, 0.8);
  }

  /// Warm-up 1/4, 2/4, 3/4; then quarters of half a cosine: (1 + cos 0)/2 = 1, (1 + cos π/4)/2 = 0.853…, 1/2, 0.146…, 0.
  @Test
  void cosine() {
    double quarter = (2 + Math.sqrt(2)) / 4;
    points(
        new Cosine(0.9, 0.1, 3, 11),
        0,
        0.225,
        1,
        0.45,
        2,
        0.675,
        3,
        0.9,
        5,
        0.1 + 0.8 * quarter,
        7,
        0.5,
        9,
        0.1 + 0.8 * (1 - quarter),
        11,
        0.1,
        12,
        0.1);
    points(new Cosine(1, 0, 0, 2), 0, 1, 1, 0.5, 2, 0);
    // As nanoGPT's get_lr(it) with learning_rate 1e-3, min_lr 1e-4, warmup_iters 100,
    // lr_decay_iters 2000, evaluated in Python.
    assertEquals(9.900990099009901e-06, new Cosine(1e-3, 1e-4, 100, 2000).at(0), 1e-18);
    assertEquals(0.0005871607054625496, new Cosine(1e-3, 1e-4, 100, 2000).at(1000), 1e-16);
  }

  @Test
  void warmupAloneIsASchedule() {
    points(new Cosine(1, 0.5, 3, 3), 0, 0.25, 2, 0.75, 3, 0.5);
  }

  @Test
  void warmupStableDecay() {
    points(
        new WarmupStableDecay(1, 0.2, 1, 4, 10),
        0,
        0.5,
        1,
        1,
        5,
        1,
        6,
        1,
        7,
        0.8,
        8,
        0.6,
        9,
        0.4,
        10,
        0.2,
        99,
        0.2);
    points(new WarmupStableDecay(1, 0, 2, 2, 4), 0, 1 / 3.0, 1, 2 / 3.0, 2, 1, 3, 0.5, 4, 0);
  }

  @Test
  void noStepOfARunHasRateZero() {
    for (Schedule schedule :
        List.of(
            new Constant(1, 7),
            new Cosine(1, 0, 7, 100),
            new WarmupStableDecay(1, 0, 7, 50, 100))) {
      for (long step = 0; step < 100; step++) {
        assertTrue(schedule.at(step) > 0 && schedule.at(step) <= 1, schedule + " at " + step);
      }
    }
  }

  @Test
  void refusesWhatIsNoSchedule() {
    assertThrows(IllegalArgumentException.class, () -> new Constant(0, 0));
    assertThrows(IllegalArgumentException.class, () -> new Constant(Double.NaN, 0));
    assertThrows(IllegalArgumentException.class, () -> new Constant(1, -1));
    assertThrows(IllegalArgumentException.class, () -> new Cosine(1, 2, 0, 10));
    assertThrows(IllegalArgumentException.class, () -> new Cosine(1, -0.1, 0, 10));
    assertThrows(IllegalArgumentException.class, () -> new Cosine(1, 0, 11, 10));
    assertThrows(IllegalArgumentException.class, () -> new Cosine(1, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new WarmupStableDecay(1, 0, 5, 6, 10));
    assertThrows(IllegalArgumentException.class, () -> new WarmupStableDecay(1, 0, 5, 0, 10));
    for (Schedule schedule :
        List.of(
            new Constant(1, 0), new Cosine(1, 0, 0, 10), new WarmupStableDecay(1, 0, 0, 1, 10))) {
      assertThrows(IllegalArgumentException.class, () -> schedule.at(-1));
    }
  }
}
