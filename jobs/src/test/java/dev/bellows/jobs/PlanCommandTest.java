package dev.bellows.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The verb `plan`, and what `train` says to a plan that it cannot run yet.
class PlanCommandTest {
  private static final String RECIPE = "../conf/gpt-nano.yaml";

  @TempDir private Path folder;

  /// What a command printed, and its exit code.
  private record Printed(int exitCode, String out, String err) {}

  private static Printed run(String... words) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(errors, true, StandardCharsets.UTF_8));
    try {
      int code = Bellows.run(words);
      return new Printed(
          code, printed.toString(StandardCharsets.UTF_8), errors.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  /// A Spark context tells its listeners on threads of this name.
  private static void assertNoSpark() {
    assertFalse(
        Thread.getAllStackTraces().keySet().stream()
            .anyMatch(thread -> thread.getName().startsWith("spark-listener")),
        "Spark was started");
  }

  @Test
  void plansWithoutStartingAnything() {
    Printed plan = run("plan", RECIPE, "workers=8", "parallel.tensor=2", "parallel.pipeline=2");
    assertEquals(0, plan.exitCode(), plan.err());
    assertTrue(
        plan.out()
            .startsWith("mesh        8 workers = pipeline 2 · data 2 · context 1 · tensor 2\n"),
        plan.out());
    for (String part :
        new String[] {"h.*.attn.c_attn.weight", "zero 3", "sent by a worker", "assumed "}) {
      assertTrue(plan.out().contains(part), part + " is missing in\n" + plan.out());
    }
    assertNoSpark();
  }

  /// Images take their form from the data.
  @Test
  void plansAPerceptron() {
    Printed plan = run("plan", "../conf/mlp-digits.yaml", "workers=4", "parallel.tensor=2");
    assertEquals(0, plan.exitCode(), plan.err());
    assertTrue(plan.out().contains("[128, 784]"), plan.out());
  }

  @Test
  void aWrongPlanIsOneSentence() {
    Printed plan = run("plan", RECIPE, "workers=8", "parallel.tensor=8");
    assertEquals(2, plan.exitCode());
    assertEquals(
        "error: parallel.tensor is 8; it must divide model.heads, which is 4",
        plan.err().lines().findFirst().orElseThrow());
    assertEquals("", plan.out());
  }

  @Test
  void trainRefusesWhatCanOnlyBePlanned() {
    Path run = folder.resolve("run");
    Printed train = run("train", RECIPE, "parallel.context=2", "run.folder=" + run);
    assertEquals(2, train.exitCode());
    assertEquals(
        "error: parallel.context 2 is planned by `bellows plan` but cannot be trained yet; it must"
            + " be 1",
        train.err().lines().findFirst().orElseThrow());
    assertNoSpark();
    assertFalse(Files.exists(run), "the run folder was made");
  }
}
