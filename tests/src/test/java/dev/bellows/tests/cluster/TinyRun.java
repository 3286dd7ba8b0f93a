package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/// A GPT so small that 100 steps take seconds, on a generated text, and the run of it that the
/// others are compared with.
///
/// The reference is trained once per JVM, by two workers on an embedded cluster, and lies in a
/// folder that ends with the JVM.
final class TinyRun {
  static final int STEPS = 100;
  private static final String RECIPE =
      """
      seed: 7
      model: {kind: gpt, layers: 2, heads: 2, width: 64, context: 64}
      data: {kind: text, path: words.txt, validation: 0.1}
      batch: {global: 8, micro: 1, groups: 8}
      optimizer: {kind: adamw, learningRate: 3e-3, clip: 1.0}
      schedule: {kind: cosine, warmup: 10, steps: 100}
      train: {steps: 100}
      evaluate: {every: 50, samples: 8}
      checkpoint: {every: 25, keep: 9}
      workers: {memory: 1GiB}
      """;

  private static TinyRun reference;

  private final Path home;
  private final Cli cli;

  private TinyRun(Path home, Cli cli) {
    this.home = home;
    this.cli = cli;
  }

  /// The reference, trained at the first call.
  static synchronized TinyRun reference() throws IOException, InterruptedException {
    if (reference == null) {
      Path home = Files.createTempDirectory("bellows-cluster-");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(home)));
      writeRecipe(home);
      Cli cli = Cli.run(home, train(home, home.resolve("reference")));
      assertEquals(0, cli.exitCode(), cli.output());
      reference = new TinyRun(home, cli);
    }
    return reference;
  }

  private static void writeRecipe(Path folder) throws IOException {
    String[] words =
        "the worker sends a gradient to its peer and waits for the step to end before it starts again"
            .split(" ");
    Random random = new Random(42);
    StringBuilder text = new StringBuilder();
    while (text.length() < 40_000) {
      text.append(words[random.nextInt(words.length)]).append(random.nextInt(9) == 0 ? ".\n" : " ");
    }
    Files.writeString(folder.resolve("words.txt"), text);
    Files.writeString(folder.resolve("tiny.yaml"), RECIPE);
  }

  /// The arguments that train the recipe in `home` into `run`.
  private static String[] train(Path home, Path run, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("train", home.resolve("tiny.yaml").toString(), "run.folder=" + run));
    args.addAll(Arrays.asList(more));
    return args.toArray(String[]::new);
  }

  /// The arguments that train the same recipe into `run`, with further ones.
  String[] trainInto(Path run, String... more) {
    return train(home, run, more);
  }

  /// The recipe's file.
  Path recipe() {
    return home.resolve("tiny.yaml");
  }

  /// The text that it learns.
  Path text() {
    return home.resolve("words.txt");
  }

  /// The reference's run folder; not to be changed.
  Path folder() {
    return home.resolve("reference");
  }

  /// What the reference printed.
  Cli cli() {
    return cli;
  }

  /// A copy of the reference's run folder.
  Path copyTo(Path target) throws IOException {
    return copy(folder(), target);
  }

  static Path copy(Path source, Path target) throws IOException {
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : files.toList()) {
        Path to = target.resolve(source.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(to);
        } else {
          Files.copy(file, to);
        }
      }
    }
    return target;
  }

  /// Loss by step, from the metrics of the run in `folder`. Fails when a step is there twice.
  static SortedMap<Long, Double> losses(Path folder) throws IOException {
    return losses(Files.readAllLines(folder.resolve("metrics.jsonl")));
  }

  static SortedMap<Long, Double> losses(List<String> metrics) throws IOException {
    SortedMap<Long, Double> losses = new TreeMap<>();
    ObjectMapper json = new ObjectMapper();
    for (String line : metrics) {
      JsonNode event = json.readTree(line);
      if (event.path("event").asText().equals("step")) {
        Double before = losses.put(event.get("step").asLong(), event.get("loss").doubleValue());
        assertEquals(null, before, () -> "step " + event.get("step") + " is in the metrics twice");
      }
    }
    return losses;
  }

  /// Asserts that the run in `folder` has every step once with the reference's losses, bit for bit,
  /// and its final weights.
  void assertEqualTo(Path run, Path cwd) throws IOException, InterruptedException {
    SortedMap<Long, Double> expected = losses(folder());
    assertEquals(STEPS, expected.size());
    assertEquals(expected, losses(run));
    assertSameWeights(run.toString(), cwd);
  }

  /// Asserts that `checkpoint diff` finds no difference between the reference and the run in `run`.
  void assertSameWeights(String run, Path cwd) throws IOException, InterruptedException {
    Cli diff = Cli.run(cwd, "checkpoint", "diff", folder().toString(), run);
    assertEquals(0, diff.exitCode(), diff.output());
    long tensors =
        diff.output()
            .lines()
            .filter(line -> line.matches("(\\d+) of \\1 tensors are equal bit for bit.*"))
            .count();
    assertEquals(1, tensors, diff.output());
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
