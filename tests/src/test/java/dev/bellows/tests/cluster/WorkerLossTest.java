package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Real executors killed and frozen in the middle of training.
@EnabledOnOs(OS.LINUX)
class WorkerLossTest {
  /// Three times what the design asks for, since tests share their machine.
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Pattern SENTENCE =
      Pattern.compile(
          "error: worker rank (\\d+) on host 127\\.0\\.0\\.1 \\(executor \\d+, pid (\\d+)\\) was"
              + " lost at step (\\d+): (.+)");

  @TempDir private Path folder;

  @Test
  void aKilledExecutorEndsTheRunInOneSentence() throws Exception {
    Path run = folder.resolve("killed");
    try (Cli cli = startEndless(run)) {
      long victim = cli.workers().getLast().pid();
      endBySignal(cli, "KILL", victim);
      Leftovers.assertNoProcesses(cli, folder);
      Cli verify = Cli.run(folder, "checkpoint", "verify", run.toString());
      assertEquals(0, verify.exitCode(), verify.output());
      assertTrue(verify.output().contains(" is valid: "), verify.output());
      resume(run);
      // At the latest the next start sweeps what the killed executor could not.
      assertEquals(List.of(), Leftovers.inSharedMemory(cli), cli.output());
    }
  }

  @Test
  @Tag("full")
  void aFrozenExecutorEndsTheRunInOneSentence() throws Exception {
    try (Cli cli = startEndless(folder.resolve("frozen"))) {
      long victim = cli.workers().getFirst().pid();
      String cause = endBySignal(cli, "STOP", victim);
      assertTrue(cause.contains("heartbeats in a row were missed"), cause);
      Leftovers.assertNoProcesses(cli, folder);
    }
  }

  /// A run that lasts until it is ended, past its first checkpoint.
  private Cli startEndless(Path run) throws IOException, InterruptedException {
    Cli cli =
        Cli.start(
            folder,
            TinyRun.reference()
                .trainInto(
                    run,
                    "train.steps=1000000",
                    "schedule.steps=0",
                    "evaluate.every=0",
                    "checkpoint.every=20",
                    "log.every=1"));
    cli.awaitLine(line -> line.startsWith("saved step 20 "), PATIENCE);
    cli.awaitLine(line -> line.startsWith("step 22/"), PATIENCE);
    return cli;
  }

  /// Sends `signal` to worker `victim` and checks the end that follows. Returns the cause that the
  /// sentence gives.
  private static String endBySignal(Cli cli, String signal, long victim)
      throws IOException, InterruptedException {
    long before = System.nanoTime();
    Cli.signal(signal, victim);
    int exit = cli.await(LIMIT);
    System.out.printf("SIG%s to exit: %.1f s%n", signal, (System.nanoTime() - before) / 1e9);
    assertEquals(6, exit, cli.output());
    List<String> sentences =
        cli.errors().stream().filter(line -> line.startsWith("error: ")).toList();
    assertEquals(1, sentences.size(), cli.output());
    Matcher match = SENTENCE.matcher(sentences.getFirst());
    assertTrue(match.matches(), cli.output());
    assertEquals(
        victim, Long.parseLong(match.group(2)), "the wrong worker is blamed:\n" + cli.output());
    assertTrue(Long.parseLong(match.group(3)) > 20, sentences.getFirst());
    assertTrue(cli.output().lines().noneMatch(line -> line.startsWith("\tat ")), cli.output());
    return match.group(4);
  }

  private void resume(Path run) throws IOException, InterruptedException {
    long saved = TinyRun.losses(run).lastKey();
    Cli resumed =
        Cli.run(folder, "resume", run.toString(), "train.steps=" + (saved + 5), "workers.count=3");
    assertEquals(0, resumed.exitCode(), resumed.output());
    assertEquals(saved + 5, TinyRun.losses(run).lastKey());
    assertEquals(saved + 5, TinyRun.losses(run).size());
  }
}
