package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A run that is stopped and goes on with another number of workers, threads and another network
/// gives the uninterrupted run's bits.
@EnabledOnOs(OS.LINUX)
class ResumeTest {
  /// Three times what the design asks for, since tests share their machine.
  private static final double START_SECONDS = 45;

  @TempDir private static Path folder;
  private static TinyRun reference;
  private static Path half;

  @BeforeAll
  static void stopInTheMiddle() throws Exception {
    reference = TinyRun.reference();
    half = folder.resolve("half");
    Cli cli = Cli.run(folder, reference.trainInto(half, "--stop-after", "50"));
    assertEquals(0, cli.exitCode(), cli.output());
    assertTrue(cli.output().contains("stopped after step 50"), cli.output());
    assertEquals(50, TinyRun.losses(half).size());
  }

  @Test
  void theFirstStepComesSoon() {
    double seconds = reference.cli().secondsTo(line -> line.startsWith("step 1/"));
    System.out.printf("first step after %.1f s%n", seconds);
    assertTrue(seconds < START_SECONDS, seconds + " s\n" + reference.cli().output());
  }

  @ParameterizedTest
  @CsvSource({"1,3,auto", "3,1,udp", "4,2,auto"})
  void goesOnWithTheSameBits(int workers, int threads, String transport) throws Exception {
    Path run = TinyRun.copy(half, folder.resolve("resumed-" + workers));
    Cli cli =
        Cli.run(
            folder,
            "resume",
            run.toString(),
            "workers.count=" + workers,
            "workers.threads=" + threads,
            "transport.kind=" + transport);
    assertEquals(0, cli.exitCode(), cli.output());
    assertEquals(workers, cli.workers().size());
    reference.assertEqualTo(run, folder);
  }

  @Test
  void stopsOnSigtermAndGoesOn() throws Exception {
    Path run = folder.resolve("signalled");
    try (Cli cli = Cli.start(folder, reference.trainInto(run, "log.every=1"))) {
      cli.awaitLine(line -> line.startsWith("step 20/"), Duration.ofMinutes(2));
      cli.terminate();
      assertEquals(143, cli.await(Duration.ofMinutes(1)), cli.output());
      Leftovers.assertNone(cli, folder);
    }
    int done = TinyRun.losses(run).size();
    assertTrue(
        done >= 20 && done < TinyRun.STEPS, done + " steps were done before the signal was obeyed");
    assertTrue(Files.exists(run.resolve("checkpoints")), "a stopped run has a checkpoint");
    Cli resumed = Cli.run(folder, "resume", run.toString(), "workers.count=3");
    assertEquals(0, resumed.exitCode(), resumed.output());
    reference.assertEqualTo(run, folder);
  }

  /// Without this, the tests above could pass because nothing depends on the number of workers.
  @Test
  @Tag("full")
  void withoutTheTreeTheBitsDiffer() throws Exception {
    String[] words = {"batch.reduction=rank", "train.steps=12", "checkpoint.every=0"};
    for (int workers : new int[] {1, 3}) {
      Path run = folder.resolve("rank-" + workers);
      String[] args =
          reference.trainInto(run, words[0], words[1], words[2], "workers.count=" + workers);
      Cli cli = Cli.run(folder, args);
      assertEquals(0, cli.exitCode(), cli.output());
    }
    assertNotEquals(
        TinyRun.losses(folder.resolve("rank-1")), TinyRun.losses(folder.resolve("rank-3")));
    Cli diff =
        Cli.run(
            folder,
            "checkpoint",
            "diff",
            folder.resolve("rank-1").toString(),
            folder.resolve("rank-3").toString());
    assertEquals(1, diff.exitCode(), diff.output());
    assertTrue(diff.output().contains("elements differ"), diff.output());
  }
}
