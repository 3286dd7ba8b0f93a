package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A run that was stopped and goes on, on any number of workers, is the run that was never stopped.
@ExtendWith(LeakWatch.class)
class ResumeTest {
  private static final int STEPS = 20;
  private static final int HALF = 10;

  @TempDir static Path temp;
  private static LocalRun.Ended uninterrupted;
  private static LocalRun.Ended stoppedAtHalf;

  @TempDir Path folder;

  @BeforeAll
  static void trainThroughAndToHalf() {
    uninterrupted = run(temp.resolve("through")).run();
    assertEquals(
        Outcome.FINISHED, uninterrupted.report().outcome(), uninterrupted.report().toString());
    // A checkpoint falls on the step of the stop: it must be saved once.
    stoppedAtHalf = run(temp.resolve("half")).stopAfter(HALF).run();
    assertEquals(
        Outcome.STOPPED, stoppedAtHalf.report().outcome(), stoppedAtHalf.report().toString());
  }

  private static LocalRun run(Path run) {
    return LocalRun.gpt(run)
        .with("train.steps=" + STEPS, "checkpoint.every=5", "evaluate.every=5", "log.every=1");
  }

  private LocalRun half() throws IOException {
    Path copy = folder.resolve("run");
    try (Stream<Path> all = Files.walk(stoppedAtHalf.folder())) {
      for (Path path : all.toList()) {
        Files.copy(path, copy.resolve(stoppedAtHalf.folder().relativize(path).toString()));
      }
    }
    return run(copy).with("data.path=" + temp.resolve("text.txt"));
  }

  private static void assertSameRun(LocalRun.Ended ended) {
    assertEquals(Outcome.FINISHED, ended.report().outcome(), ended.report().toString());
    assertEquals(STEPS, ended.history().steps().size(), "each step once");
    assertEquals(uninterrupted.history().steps(), ended.history().steps());
    assertEquals(uninterrupted.history().evaluations(), ended.history().evaluations());
    assertEquals(List.of(), LocalRun.differing(uninterrupted.folder(), ended.folder(), STEPS));
  }

  @Test
  void aStopIsResumable() {
    assertEquals(HALF, stoppedAtHalf.report().step());
    assertEquals("stopped after step 10", stoppedAtHalf.report().sentence());
    assertEquals(0, stoppedAtHalf.report().exitCode());
    assertEquals(
        LocalRun.stepFolder(stoppedAtHalf.folder(), HALF), stoppedAtHalf.report().checkpoint());
    assertTrue(Files.exists(Path.of(stoppedAtHalf.report().checkpoint(), "manifest.json")));
    assertEquals(
        1,
        stoppedAtHalf.lines().stream().filter(line -> line.startsWith("saved step 10 ")).count());
    assertEquals(uninterrupted.history().steps().subList(0, HALF), stoppedAtHalf.history().steps());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4})
  void goesOnWithOtherWorkers(int workers) throws IOException {
    LocalRun.Ended ended = half().with("workers.count=" + workers).run();
    assertTrue(
        ended.printed().contains("resumed at step 10 (saved on 2 workers, now " + workers + ")"),
        ended::printed);
    assertSameRun(ended);
  }

  @Test
  void goesOnAfterStopsAtAnyStep() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    int first = 1 + random.nextInt(9);
    int second = first + 2 + random.nextInt(7);
    String drawn = "seed " + seed + ": asked to stop at steps " + first + " and " + second;
    LocalRun run = run(folder.resolve("run"));
    LocalRun.Ended ended = run.run((training, line) -> stopAt(first, training, line));
    assertEquals(Outcome.STOPPED, ended.report().outcome(), drawn);
    long stoppedAt = ended.report().step();
    assertTrue(stoppedAt >= first, drawn + ", stopped at " + stoppedAt);
    if (stoppedAt < second) {
      ended = run.with("workers.count=4").run((training, line) -> stopAt(second, training, line));
    }
    if (ended.report().outcome() == Outcome.STOPPED) {
      ended = run.with("workers.count=1").run();
    }
    assertEquals(uninterrupted.history().steps(), ended.history().steps(), drawn);
    assertSameRun(ended);
  }

  private static void stopAt(int step, TrainingRun run, String line) {
    if (line.startsWith("step " + step + "/")) {
      run.requestStop();
    }
  }

  @Test
  void forgetsStepsBehindTheCheckpointThatADyingRunHadTold() throws IOException {
    LocalRun run = half();
    Path metrics = folder.resolve("run/metrics.jsonl");
    Files.writeString(
        metrics,
        Files.readString(metrics)
            + "{\"event\":\"step\",\"step\":11,\"loss\":1.0,\"grad_norm\":1.0}\n"
            + "{\"event\":\"step\",\"st");
    assertSameRun(run.run());
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.width=32", "seed=12", "batch.global=16", "optimizer.kind=sgd"})
  void refusesWhatWouldChangeTheMeaningOfTheState(String change) throws IOException {
    String key = change.substring(0, change.indexOf('='));
    String[] changes =
        key.equals("optimizer.kind")
            ? new String[] {"optimizer={kind: sgd, learningRate: 0.01}"}
            : new String[] {change};
    LocalRun run = half().with(changes);
    BellowsException refusal = assertThrows(BellowsException.class, run::run);
    assertEquals(ErrorCategory.CONFIGURATION, refusal.category());
    assertTrue(refusal.getMessage().contains(key + " "), refusal.getMessage());
    assertTrue(refusal.getMessage().contains("start over with --fresh"), refusal.getMessage());
    assertTrue(
        Files.exists(Path.of(LocalRun.stepFolder(run.folder(), HALF), "manifest.json")),
        "nothing was deleted");
    assertEquals(
        stoppedAtHalf.history(),
        RunHistory.read(run.folder().resolve("metrics.jsonl")),
        "nothing was forgotten");
  }

  @Test
  void tellsWhatChangesTheCourse() throws IOException {
    LocalRun.Ended ended = half().with("optimizer.learningRate=0.02").run();
    assertEquals(Outcome.FINISHED, ended.report().outcome());
    assertTrue(
        ended
            .lines()
            .contains(
                "changed since the checkpoint of step 10: optimizer.learningRate 0.01 → 0.02"),
        ended::printed);
    assertEquals(stoppedAtHalf.history().steps(), ended.history().steps().subList(0, HALF));
    assertTrue(
        !uninterrupted.history().steps().get(HALF).equals(ended.history().steps().get(HALF)),
        "another rate, another step");
  }

  @Test
  void aFinishedRunIsNotTrainedAgain() throws IOException {
    LocalRun run = half();
    BellowsException again = assertThrows(BellowsException.class, () -> run.stopAfter(HALF).run());
    assertTrue(
        again.getMessage().contains("is at step 10 and was asked for 10"), again.getMessage());
    assertEquals(Outcome.FINISHED, run.run().report().outcome());
    BellowsException finished = assertThrows(BellowsException.class, run::run);
    assertEquals(ErrorCategory.CONFIGURATION, finished.category());
    assertTrue(finished.getMessage().contains("raise train.steps"), finished.getMessage());
  }

  @Test
  void startsOverWhenAsked() throws IOException {
    LocalRun.Ended ended = half().asFresh().run();
    assertTrue(ended.printed().contains("starts at step 0"), ended::printed);
    assertSameRun(ended);
  }
}
