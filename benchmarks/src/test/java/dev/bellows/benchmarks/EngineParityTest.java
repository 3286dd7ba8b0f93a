package dev.bellows.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The oracle of the whole engine: a small GPT trained here and in libtorch, each in its own process, from the same weights.
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class EngineParityTest {
  private static final GptShape SHAPE =
      GptShape.parse("layers=2,heads=3,width=48,context=17,batch=4,vocabulary=29", GptShape.SMALL);
  private static final int STEPS = 5;

  @TempDir Path folder;

  @Test
  void fiveStepsLoseTheSameAsInLibtorch() throws IOException {
    new EngineInputs(SHAPE, folder).write(1);
    double[] theirs = losses("libtorch", List.of("attention=fused", "adamw=plain"));
    // The model must learn something, or the update is not compared.
    assertTrue(
        theirs[0] - theirs[STEPS - 1] > 0.1,
        "libtorch's loss went from " + theirs[0] + " to " + theirs[STEPS - 1]);
    assertClose(
        theirs,
        losses("libtorch", List.of("attention=composed", "adamw=fused")),
        "libtorch's fused AdamW, composed attention");
    assertClose(theirs, losses("bellows", List.of("backend=cpu", "micro=4")), "cpu backend");
    assertClose(
        theirs,
        losses("bellows", List.of("backend=cpu", "micro=2")),
        "cpu backend, two micro-batches");
    assertClose(
        theirs, losses("bellows", List.of("backend=reference", "micro=4")), "reference backend");
  }

  @Test
  void otherWeightsGiveOtherLosses() throws IOException {
    new EngineInputs(SHAPE, folder.resolve("a")).write(1);
    new EngineInputs(SHAPE, folder.resolve("b")).write(2);
    double[] a = losses("bellows", List.of("backend=cpu", "micro=4"), folder.resolve("a"));
    double[] b = losses("bellows", List.of("backend=cpu", "micro=4"), folder.resolve("b"));
    assertTrue(
        Math.abs(a[0] - b[0]) > 1e-4,
        "seeds 1 and 2 both start at " + a[0] + ", so the comparison could not fail");
  }

  private static void assertClose(double[] expected, double[] actual, String what) {
    for (int step = 0; step < STEPS; step++) {
      assertEquals(
          expected[step], actual[step], 1e-4, what + ", loss of step " + (step + 1) + ", seed 1");
    }
  }

  private double[] losses(String side, List<String> own) throws IOException {
    return losses(side, own, folder);
  }

  private double[] losses(String side, List<String> own, Path inputs) throws IOException {
    List<String> flags = new ArrayList<>(Environment.jvmFlags());
    flags.addAll(
        List.of(
            "-Xmx256m",
            "-Dorg.bytedeco.javacpp.maxBytes=0",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"));
    List<String> arguments =
        new ArrayList<>(List.of("model=gpt", "shape=" + SHAPE, "inputs=" + inputs, "threads=2"));
    arguments.addAll(own);
    Path log = folder.resolve(side + ".log");
    Map<String, String> variables =
        Map.of("OMP_NUM_THREADS", "2", "OPENBLAS_NUM_THREADS", "2", "OMP_WAIT_POLICY", "PASSIVE");
    try (SideProcess process = SideProcess.start(side, flags, arguments, variables, log)) {
      return process.steps(STEPS).losses();
    }
  }
}
