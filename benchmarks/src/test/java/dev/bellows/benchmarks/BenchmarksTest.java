package dev.bellows.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchmarksTest {
  private final ByteArrayOutputStream errors = new ByteArrayOutputStream();

  private int run(String... arguments) {
    PrintStream nowhere =
        new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
    return Benchmarks.run(
        arguments, nowhere, new PrintStream(errors, true, StandardCharsets.UTF_8));
  }

  @Test
  void anUnknownNameListsTheKnownOnes() {
    assertEquals(2, run("engin"));
    assertTrue(
        errors
            .toString(StandardCharsets.UTF_8)
            .contains(
                "no benchmark called engin; known are collectives, engine, kernels, mlp, soak"),
        errors::toString);
  }

  @Test
  void badOptionsAreOneSentence() {
    assertEquals(2, run("engine", "--shape", "depth=3"));
    assertTrue(
        errors.toString(StandardCharsets.UTF_8).contains("no key 'depth'; the keys are layers"),
        errors::toString);
  }

  @Test
  void theDefaultShapeIsTheOneOfTheComparison() {
    assertEquals(10_770_816, GptShape.SMALL.weightCount());
    assertEquals(
        GptShape.SMALL,
        GptShape.parse(GptShape.SMALL.toString(), GptShape.parse("layers=1", GptShape.SMALL)));
    assertThrows(IllegalArgumentException.class, () -> GptShape.parse("heads=5", GptShape.SMALL));
  }

  @Test
  void inputsAreAFunctionOfTheSeed(@TempDir Path folder) throws IOException {
    GptShape shape =
        GptShape.parse("layers=1,heads=1,width=8,context=4,batch=2,vocabulary=11", GptShape.SMALL);
    byte[] first = weights(shape, folder.resolve("a"), 1);
    assertArrayEquals(first, weights(shape, folder.resolve("b"), 1));
    assertFalse(
        Arrays.equals(first, weights(shape, folder.resolve("c"), 2)),
        "seeds 1 and 2 gave the same weights");
  }

  private static byte[] weights(GptShape shape, Path folder, long seed) throws IOException {
    new EngineInputs(shape, folder).write(seed);
    return Files.readAllBytes(folder.resolve("weights.f32"));
  }

  @Test
  void presetsAreTheBaseOfAShape() {
    assertEquals(123_886_080, GptShape.GPT2.weightCount());
    GptShape shape = GptShape.parse("gpt2,batch=2", GptShape.SMALL);
    assertEquals(new GptShape(12, 12, 768, 256, 2, 50304), shape);
    assertThrows(IllegalArgumentException.class, () -> GptShape.parse("gpt3", GptShape.SMALL));
    assertEquals(new MlpShape(784, 2000, 2, 10, 32), MlpShape.parse("batch=32"));
    assertEquals(784 * 2000 + 2000 + 2000 * 2000 + 2000 + 20_010, MlpShape.MNIST.weightCount());
  }

  @Test
  void anUnknownPrecisionIsRefusedInOneSentence() {
    assertEquals(2, run("engine", "--precision", "f16"));
    assertTrue(
        errors.toString(StandardCharsets.UTF_8).contains("fp32, bf16 or both, not f16"),
        errors::toString);
  }

  @Test
  void theRatioIsTheMedianOfNeighbouringTurns() {
    EngineResult result =
        result(
            Map.of(
                Entrant.OURS_FP32,
                side(turn(10, 10, 99), turn(20, 20, 20), turn(10, 10, 10)),
                Entrant.THEIRS_FP32,
                side(turn(15, 15, 15), turn(24, 24, 99), turn(30, 30, 30))));
    assertArrayEquals(new double[] {1.5, 1.2, 3}, result.ratios(Entrant.OURS_FP32), 1e-12);
    assertEquals(1.5, result.ratio(Entrant.OURS_FP32), 1e-12);
  }

  @Test
  void bf16IsHeldAgainstTheBetterOfBothPeers() {
    Map<Entrant, EngineResult.Side> sides = new EnumMap<>(Entrant.class);
    sides.put(Entrant.OURS_BF16, side(turn(10)));
    sides.put(Entrant.THEIRS_FP32, side(turn(30)));
    sides.put(Entrant.THEIRS_BF16, side(turn(40)));
    assertEquals(3, result(sides).ratio(Entrant.OURS_BF16), 1e-12);
    sides.put(Entrant.THEIRS_BF16, side(turn(20)));
    assertEquals(2, result(sides).ratio(Entrant.OURS_BF16), 1e-12);
  }

  @Test
  void aLossThatIsNotANumberIsADifference() {
    EngineResult.Side good = side(turn(1));
    SideProcess.Allocation nothing = new SideProcess.Allocation(1, 0, 0);
    EngineResult.Side bad =
        new EngineResult.Side("", "", new double[] {Double.NaN}, List.of(turn(1)), 1, nothing, 1);
    assertEquals(0, difference(good, good));
    assertEquals(Double.POSITIVE_INFINITY, difference(bad, good));
  }

  private static double difference(EngineResult.Side ours, EngineResult.Side theirs) {
    return result(Map.of(Entrant.OURS_FP32, ours, Entrant.THEIRS_FP32, theirs))
        .lossDifference(Entrant.OURS_FP32);
  }

  private static EngineResult result(Map<Entrant, EngineResult.Side> sides) {
    return new EngineResult(GptShape.SMALL, sides);
  }

  private static EngineResult.Side side(SideProcess.Steps... turns) {
    SideProcess.Allocation nothing = new SideProcess.Allocation(1, 0, 0);
    return new EngineResult.Side("", "", new double[] {2.5}, List.of(turns), 1, nothing, 1);
  }

  private static SideProcess.Steps turn(double... millis) {
    return new SideProcess.Steps(millis, millis, millis);
  }
}
