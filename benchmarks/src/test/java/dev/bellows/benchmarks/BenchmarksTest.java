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
import java.util.List;
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
            .contains("no benchmark called engin; known are engine"),
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
  void theRatioIsTheMedianOfNeighbouringTurns() {
    EngineResult.Side ours = side(List.of(turn(10, 10, 99), turn(20, 20, 20), turn(10, 10, 10)));
    EngineResult.Side theirs = side(List.of(turn(15, 15, 15), turn(24, 24, 99), turn(30, 30, 30)));
    assertArrayEquals(
        new double[] {1.5, 1.2, 3}, new EngineResult(GptShape.SMALL, ours, theirs).ratios(), 1e-12);
    assertEquals(1.5, new EngineResult(GptShape.SMALL, ours, theirs).ratio(), 1e-12);
  }

  @Test
  void aLossThatIsNotANumberIsADifference() {
    EngineResult.Side good = side(List.of(turn(1)));
    EngineResult.Side bad =
        new EngineResult.Side("", new double[] {Double.NaN}, List.of(turn(1)), 1, 1);
    assertEquals(0, new EngineResult(GptShape.SMALL, good, good).lossDifference());
    assertEquals(
        Double.POSITIVE_INFINITY, new EngineResult(GptShape.SMALL, bad, good).lossDifference());
  }

  private static EngineResult.Side side(List<SideProcess.Steps> turns) {
    return new EngineResult.Side("", new double[] {2.5}, turns, 1, 1);
  }

  private static SideProcess.Steps turn(double... millis) {
    return new SideProcess.Steps(millis, millis, millis);
  }
}
