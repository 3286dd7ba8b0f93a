package dev.bellows.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class ComputeTeamTest {
  @Test
  void everyTileRunsOnceAndNoWorkerTwiceAtATime() {
    for (int threads = 1; threads <= 4; threads++) {
      try (ComputeTeam team = new ComputeTeam(threads, () -> {})) {
        for (int round = 0; round < 2000; round++) {
          int tiles = round % 37;
          AtomicIntegerArray runs = new AtomicIntegerArray(tiles);
          AtomicIntegerArray busy = new AtomicIntegerArray(threads);
          AtomicInteger clashes = new AtomicInteger();
          team.run(
              tiles,
              (tile, worker) -> {
                if (busy.incrementAndGet(worker) != 1) {
                  clashes.incrementAndGet();
                }
                runs.incrementAndGet(tile);
                busy.decrementAndGet(worker);
              });
          for (int tile = 0; tile < tiles; tile++) {
            assertEquals(
                1, runs.get(tile), "tile " + tile + " of " + tiles + ", " + threads + " threads");
          }
          assertEquals(0, clashes.get());
        }
      }
    }
  }

  @Test
  void membersWakeUpAfterTheyParked() {
    try (ComputeTeam team = new ComputeTeam(3, () -> {})) {
      for (int round = 0; round < 20; round++) {
        LockSupport.parkNanos(2_000_000);
        AtomicInteger done = new AtomicInteger();
        team.run(9, (tile, worker) -> done.incrementAndGet());
        assertEquals(9, done.get());
      }
    }
  }

  @Test
  void anExceptionOfATileReachesTheCallerAndTheTeamGoesOn() {
    try (ComputeTeam team = new ComputeTeam(3, () -> {})) {
      for (int bad = 0; bad < 8; bad++) {
        IllegalStateException thrown = new IllegalStateException("tile " + bad);
        int which = bad;
        IllegalStateException caught =
            assertThrows(
                IllegalStateException.class,
                () ->
                    team.run(
                        8,
                        (tile, worker) -> {
                          if (tile == which) {
                            throw thrown;
                          }
                        }));
        assertSame(thrown, caught);
      }
      AtomicInteger done = new AtomicInteger();
      team.run(5, (tile, worker) -> done.incrementAndGet());
      assertEquals(5, done.get());
    }
  }

  @Test
  void closingEndsTheThreads() {
    ComputeTeam team = new ComputeTeam(3, () -> {});
    AtomicInteger workers = new AtomicInteger();
    team.run(3, (tile, worker) -> workers.accumulateAndGet(worker, Math::max));
    team.close();
    assertTrue(
        Thread.getAllStackTraces().keySet().stream()
            .noneMatch(t -> t.getName().startsWith("bellows-compute-")),
        "threads left");
  }
}
