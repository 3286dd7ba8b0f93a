package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bellows.nn.Model;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Loss scaling in whole runs. A scale is a power of two, so it changes no bit; an overflow costs one step.
@ExtendWith(LeakWatch.class)
class LossScaleTest {
  private static final int STEPS = 8;

  /// Worker 1 of 2 runs 4 micro-batches a step, two for each of its groups; this is the second of its first group in step 3, when the gradient sum is
  /// already begun and will be added to.
  private static final int SECOND_OF_STEP_3 = 10;

  @TempDir Path folder;

  private LocalRun run(String name, String... overrides) {
    return LocalRun.mlp(folder.resolve(name)).with("workers.count=2").with(overrides);
  }

  private static void overflow(Model model) {
    model
        .parameters()
        .getFirst()
        .gradient()
        .segment()
        .setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.POSITIVE_INFINITY);
  }

  private LocalRun overflowing(String name, String... overrides) {
    return run(name, overrides)
        .models(PlantedModel.in(1, SECOND_OF_STEP_3, LossScaleTest::overflow));
  }

  /// Scale after each step and whether it was skipped.
  private static List<String> scales(LocalRun.Ended ended) throws IOException {
    List<String> scales = new ArrayList<>();
    for (String line : Files.readAllLines(ended.folder().resolve("metrics.jsonl"))) {
      var event = new ObjectMapper().readTree(line);
      if (event.get("event").asText().equals("step")) {
        scales.add(
            event.path("loss_scale").asLong()
                + (event.path("skipped").asBoolean() ? " skipped" : ""));
      }
    }
    return scales;
  }

  @Test
  void aPowerOfTwoChangesNoBit() throws IOException {
    LocalRun.Ended plain = run("plain").run();
    LocalRun.Ended scaled = run("scaled", "lossScale={initial: 1024, growthInterval: 3}").run();
    assertEquals(Outcome.FINISHED, scaled.report().outcome(), scaled.report().toString());
    assertEquals(plain.history().steps(), scaled.history().steps());
    assertEquals(List.of(), LocalRun.differing(plain.folder(), scaled.folder(), STEPS));
    assertEquals(List.of("0", "0", "0", "0", "0", "0", "0", "0"), scales(plain));
    assertEquals(
        List.of("1024", "1024", "2048", "2048", "2048", "4096", "4096", "4096"), scales(scaled));
  }

  @Test
  void anOverflowSkipsOneStepOnAllRanksAndHalvesTheScale() throws IOException {
    LocalRun.Ended ended =
        overflowing("run", "lossScale=65536", "checkpoint={every: 1, keep: 9}").run();
    assertEquals(Outcome.FINISHED, ended.report().outcome(), ended.report().toString());
    assertEquals(
        List.of("65536", "65536", "32768 skipped", "32768", "32768", "32768", "32768", "32768"),
        scales(ended));
    assertTrue(
        ended
            .lines()
            .contains(
                "step 3 changed no weight, because a gradient overflowed; the loss scale is now"
                    + " 32768 (skipped so far: 1)"),
        ended::printed);
    // Weights and optimizer states after the skipped step are those before it.
    assertEquals(List.of(), LocalRun.differing(ended.folder(), 2, ended.folder(), 3));
    assertFalse(LocalRun.differing(ended.folder(), 3, ended.folder(), 4).isEmpty());
  }

  @Test
  void aResumeGoesOnWithTheScale() throws IOException {
    LocalRun.Ended through =
        overflowing("through", "lossScale={initial: 64, growthInterval: 3}").run();
    LocalRun.Ended half =
        overflowing("half", "lossScale={initial: 64, growthInterval: 3}").stopAfter(5).run();
    assertEquals(Outcome.STOPPED, half.report().outcome(), half.report().toString());
    LocalRun.Ended resumed =
        run("half", "lossScale={initial: 64, growthInterval: 3}", "workers.count=1").run();
    assertEquals(List.of("64", "64", "32 skipped", "32", "32", "64", "64", "64"), scales(through));
    assertEquals(scales(through), scales(resumed));
    assertEquals(through.history().steps(), resumed.history().steps());
    assertEquals(List.of(), LocalRun.differing(through.folder(), resumed.folder(), STEPS));
  }

  @Test
  void withoutALossScaleAnOverflowEndsTheRun() {
    LocalRun.Ended ended = overflowing("run").run();
    assertEquals(Outcome.FAILED, ended.report().outcome());
    assertTrue(
        ended.report().sentence().contains("the gradient norm became Infinity at step 3"),
        ended.report().sentence());
  }

  @Test
  void anOverflowAtScaleOneEndsTheRun() {
    LocalRun.Ended ended = overflowing("run", "lossScale=1").run();
    assertEquals(Outcome.FAILED, ended.report().outcome());
    assertTrue(
        ended.report().sentence().contains("the gradient norm became"), ended.report().sentence());
  }
}
