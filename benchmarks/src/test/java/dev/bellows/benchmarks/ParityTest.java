package dev.bellows.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The same weights and batches here and in libtorch: logits and loss, every gradient, ten optimizer steps.
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ParityTest {
  private static final int SEED = 1;

  @TempDir static Path folder;

  private static final Map<ParityCase, Observation> THEIRS = new EnumMap<>(ParityCase.class);
  private static final Map<ParityCase, Observation> OURS = new EnumMap<>(ParityCase.class);

  @BeforeAll
  static void train() throws IOException, InterruptedException {
    for (ParityCase parity : ParityCase.values()) {
      new EngineInputs(parity.shape(), folder.resolve(parity.name())).write(SEED);
    }
    askLibtorch();
    for (ParityCase parity : ParityCase.values()) {
      THEIRS.put(parity, Observation.read(folder.resolve(parity + ".bin")));
      OURS.put(parity, ours(parity, SEED));
    }
  }

  private static void askLibtorch() throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(Environment.jvmFlags());
    command.addAll(List.of("-Xmx256m", "-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(LibtorchOracle.class.getName(), folder.toString()));
    Path log = folder.resolve("oracle.log");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "OMP_NUM_THREADS", "2", "OPENBLAS_NUM_THREADS", "2", "OMP_WAIT_POLICY", "PASSIVE"));
    Process process = builder.start();
    try {
      assertTrue(process.waitFor(100, TimeUnit.SECONDS), "libtorch took over 100 s");
      assertEquals(0, process.exitValue(), () -> text(log));
    } finally {
      process.destroyForcibly();
    }
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  private static Observation ours(ParityCase parity, long seed) throws IOException {
    return ours(parity, seed, "cpu", parity.shape().batch(), SidePrecision.FP32);
  }

  private static Observation ours(
      ParityCase parity, long seed, String backend, int microBatch, SidePrecision precision)
      throws IOException {
    Path inputs = folder.resolve(parity.name() + "-" + seed);
    EngineInputs files = new EngineInputs(parity.shape(), inputs);
    files.write(seed);
    try (TrainingSide side =
        new BellowsSide(
            parity.shape(),
            files,
            Backends.open(backend, BackendOptions.threads(2)),
            microBatch,
            precision,
            parity.update())) {
      return Observation.of(parity.shape(), side);
    }
  }

  @ParameterizedTest
  @EnumSource
  void forward(ParityCase parity) {
    Observation theirs = THEIRS.get(parity);
    Observation ours = OURS.get(parity);
    assertClose("logits", theirs.logits(), ours.logits(), parity.tolerance());
    assertClose("loss", first(theirs), first(ours), parity.tolerance());
  }

  private static float[] first(Observation observation) {
    return new float[] {observation.losses()[0]};
  }

  @ParameterizedTest
  @EnumSource
  void everyGradient(ParityCase parity) {
    Map<String, float[]> theirs = THEIRS.get(parity).gradients();
    Map<String, float[]> ours = OURS.get(parity).gradients();
    assertEquals(theirs.keySet(), ours.keySet());
    theirs.forEach(
        (name, gradient) ->
            assertClose("gradient of " + name, gradient, ours.get(name), parity.tolerance()));
  }

  /// An error of a step goes on into all later ones, so ten steps may differ ten times as much.
  @ParameterizedTest
  @EnumSource
  void tenSteps(ParityCase parity) throws IOException {
    Observation theirs = THEIRS.get(parity);
    Observation ours = OURS.get(parity);
    double tolerance = Observation.STEPS * parity.tolerance();
    assertClose("losses", theirs.losses(), ours.losses(), tolerance);
    // The model must learn something, or the update is not compared.
    float[] losses = theirs.losses();
    assertTrue(
        losses[0] - losses[EngineInputs.BATCHES] > 0.05,
        "libtorch's loss of the first batch went from "
            + losses[0]
            + " to "
            + losses[EngineInputs.BATCHES]);
    for (Weight weight : parity.shape().weights()) {
      float[] start = start(parity, weight);
      assertClose(
          "way of " + weight.name(),
          difference(theirs.values().get(weight.name()), start),
          difference(ours.values().get(weight.name()), start),
          tolerance);
    }
  }

  private static float[] start(ParityCase parity, Weight weight) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return new EngineInputs(parity.shape(), folder.resolve(parity.name()))
          .weights(arena)
          .asSlice(weight.offset() * 4, weight.elements() * 4)
          .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  private static float[] difference(float[] a, float[] b) {
    float[] result = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      result[i] = a[i] - b[i];
    }
    return result;
  }

  @ParameterizedTest
  @EnumSource
  void theReferenceBackendLosesTheSame(ParityCase parity) throws IOException {
    Observation ours = ours(parity, SEED, "reference", parity.shape().batch(), SidePrecision.FP32);
    double tolerance = Observation.STEPS * parity.tolerance();
    assertClose("losses", THEIRS.get(parity).losses(), ours.losses(), tolerance);
  }

  @Test
  void twoMicroBatchesAreOneBatch() throws IOException {
    Observation ours =
        ours(ParityCase.GPT, SEED, "cpu", ParityCase.GPT.shape().batch() / 2, SidePrecision.FP32);
    Observation theirs = THEIRS.get(ParityCase.GPT);
    double tolerance = ParityCase.GPT.tolerance();
    assertClose("logits", theirs.logits(), ours.logits(), tolerance);
    assertClose("losses", theirs.losses(), ours.losses(), Observation.STEPS * tolerance);
  }

  @ParameterizedTest
  @ValueSource(strings = {"composed", "fused"})
  void libtorchsOwnChoicesLoseTheSame(String variant) throws IOException {
    Observation other = Observation.read(folder.resolve(variant + ".bin"));
    assertClose(
        variant + " losses",
        THEIRS.get(ParityCase.GPT).losses(),
        other.losses(),
        Observation.STEPS * ParityCase.GPT.tolerance());
  }

  /// The peer of the bf16 benchmark: it computes the same, and it does compute in bf16.
  @Test
  void libtorchsAutocastIsBf16OfTheSameModel() throws IOException {
    Observation autocast = Observation.read(folder.resolve("autocast.bin"));
    float[] exact = THEIRS.get(ParityCase.GPT).losses();
    // A log-probability rounded to bf16 is off by up to 2^-9 of itself; the other half is for what
    // came before.
    assertClose("autocast losses", exact, autocast.losses(), 0x1p-8);
    double distance = distance(exact, autocast.losses());
    assertTrue(
        distance > 1e-5, "autocast's losses differ by " + distance + " only: it is not in effect");
  }

  @ParameterizedTest
  @EnumSource
  void ourBf16IsNear(ParityCase parity) throws IOException {
    assumeTrue(CommandsTest.cpuHasBf16(), "this processor has no BF16 products");
    Observation ours = ours(parity, SEED, "cpu", parity.shape().batch(), SidePrecision.BF16);
    float[] exact = THEIRS.get(parity).losses();
    assertClose("bf16 losses", exact, ours.losses(), 0x1p-8);
    double distance = distance(exact, ours.losses());
    assertTrue(
        distance > 1e-5, "bf16's losses differ by " + distance + " only: it is not in effect");
  }

  @Test
  void otherWeightsAreFarAway() throws IOException {
    Observation other = ours(ParityCase.GPT, SEED + 1);
    double distance = distance(THEIRS.get(ParityCase.GPT).logits(), other.logits());
    assertTrue(
        distance > 1000 * ParityCase.GPT.tolerance(),
        "seeds 1 and 2 give logits that differ by "
            + distance
            + ", so the comparison could not fail");
  }

  private static void assertClose(String what, float[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length, what);
    double distance = distance(expected, actual);
    assertTrue(
        distance <= tolerance,
        what
            + " differs from libtorch's by "
            + distance
            + " of its largest element, allowed are "
            + tolerance
            + ", seed "
            + SEED);
  }

  /// Largest difference as a share of the largest expected element; infinite when one is not a number.
  private static double distance(float[] expected, float[] actual) {
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      double here = Math.abs((double) expected[i] - actual[i]);
      largest = Math.max(largest, Math.abs(expected[i]));
      difference = Math.max(difference, Double.isNaN(here) ? Double.POSITIVE_INFINITY : here);
    }
    return difference / Math.max(largest, Float.MIN_NORMAL);
  }
}
