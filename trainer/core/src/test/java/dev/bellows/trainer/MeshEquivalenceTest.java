package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.trainer.control.RunReport.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The same 20 steps under every mesh that fits 8 ranks, on threads in this JVM: pipeline, data and ZeRO change no bit of losses, norms, validation,
/// weights and optimizer states; tensor parallelism changes them by rounding only. What is compared are whole runs and their checkpoints, which know
/// nothing of the mesh.
@ExtendWith(LeakWatch.class)
class MeshEquivalenceTest {
  private static final int STEPS = 20;

  /// Four blocks, tied embeddings, a vocabulary that no degree divides.
  private static final String GPT = "model={kind: gpt, layers: 4, heads: 4, width: 16, context: 8}";

  private static final String LLAMA =
      "model={kind: llama, layers: 4, heads: 4, keyValueHeads: 2, width: 16, context: 8, tied:"
          + " true}";

  @TempDir static Path temp;
  private static final Map<String, LocalRun.Ended> SINGLE = new HashMap<>();

  /// @param name of the run
  /// @param model its model section
  /// @param optimizer its kind
  /// @param parallel its parallel section, without braces
  /// @param workers number of ranks
  record Case(String name, String model, String optimizer, String parallel, int workers) {
    boolean isExact() {
      return !parallel.contains("tensor: 2") && !parallel.contains("tensor: 4");
    }

    @Override
    public String toString() {
      return name + " " + optimizer + " " + parallel;
    }
  }

  static Stream<Case> few() {
    return Stream.of(
        gpt("pipeline: 2, schedule: gpipe", 2),
        gpt("pipeline: 2, data: 3, schedule: 1f1b", 6),
        gpt("pipeline: 2, data: 2, schedule: interleaved", 4),
        gpt("pipeline: 4, data: 2, schedule: 1f1b", 8),
        llama("pipeline: 2, data: 2, schedule: gpipe", 4),
        gpt("data: 2, zero: 1", 2),
        gpt("data: 3, zero: 2", 3),
        gpt("data: 4, zero: 3", 4),
        llama("data: 3, zero: 3", 3),
        new Case("gpt", GPT, "muon", "data: 3, zero: 2", 3),
        new Case("gpt", GPT, "adafactor", "data: 2, zero: 3", 2),
        new Case("gpt", GPT, "muon", "pipeline: 4, data: 2", 8),
        gpt("tensor: 2", 2),
        gpt("tensor: 4, sequence: true", 4),
        llama("tensor: 4, data: 2", 8),
        llama("tensor: 2, sequence: true, data: 3", 6),
        gpt("pipeline: 2, tensor: 2, data: 2, sequence: true", 8),
        llama("pipeline: 2, tensor: 4, schedule: interleaved", 8));
  }

  private static Case gpt(String parallel, int workers) {
    return new Case("gpt", GPT, "adamw", parallel, workers);
  }

  private static Case llama(String parallel, int workers) {
    return new Case("llama", LLAMA, "adamw", parallel, workers);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("few")
  void trainsLikeOneRank(Case mesh, @TempDir Path folder) {
    LocalRun.Ended one =
        SINGLE.computeIfAbsent(
            mesh.name() + mesh.optimizer(),
            name ->
                finish(
                    new Case(mesh.name(), mesh.model(), mesh.optimizer(), "data: 1", 1),
                    temp.resolve(name)));
    LocalRun.Ended ended = finish(mesh, folder.resolve("run"));
    if (mesh.isExact()) {
      assertEquals(one.history().steps(), ended.history().steps());
      assertEquals(one.history().evaluations(), ended.history().evaluations());
      assertEquals(List.of(), LocalRun.differing(one.folder(), ended.folder(), STEPS));
    } else {
      assertEquals(List.of(), LocalRun.apart(one, ended, STEPS, 1e-5));
    }
  }

  /// A perceptron, split in both ways that it can be, and a CNN, which is one stage on one tensor rank.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mlp | pipeline: 2, data: 2 | 4",
        "mlp | tensor: 2            | 2",
        "mlp | data: 3, zero: 3     | 3",
        "cnn | data: 2              | 2",
        "cnn | data: 2, zero: 2     | 2",
      })
  void imagesTrainLikeOnOneRank(String kind, String parallel, int workers, @TempDir Path folder) {
    String model =
        kind.equals("mlp")
            ? "{kind: mlp, hidden: [12, 8]}"
            : "{kind: cnn, channels: [2, 3], kernel: 3}";
    LocalRun.Ended one = finish(images(folder.resolve("one"), model, "data: 1", 1));
    LocalRun.Ended ended = finish(images(folder.resolve("run"), model, parallel, workers));
    if (parallel.contains("tensor")) {
      assertEquals(List.of(), LocalRun.apart(one, ended, STEPS, 1e-5));
    } else {
      assertEquals(one.history().steps(), ended.history().steps());
      assertEquals(List.of(), LocalRun.differing(one.folder(), ended.folder(), STEPS));
    }
  }

  private static LocalRun images(Path folder, String model, String parallel, int workers) {
    return LocalRun.of(folder, LocalRun.MLP.replace("{kind: mlp, hidden: [12]}", model))
        .with(
            "train.steps=" + STEPS,
            "workers={count: " + workers + ", threads: 1}",
            "parallel={" + parallel + "}");
  }

  /// Every mesh of up to 8 ranks.
  static Stream<Case> all() {
    List<Case> cases = new ArrayList<>();
    for (String optimizer : List.of("adamw", "muon", "adafactor")) {
      for (int data = 2; data <= 4; data++) {
        for (int zero = 0; zero <= 3; zero++) {
          add(cases, optimizer, "data: " + data + ", zero: " + zero, data);
        }
      }
      for (int pipeline : new int[] {2, 4}) {
        for (int data = 1; pipeline * data <= 8 && data <= 4; data++) {
          for (String schedule : List.of("gpipe", "1f1b", "interleaved")) {
            if (pipeline == 2 || !schedule.equals("interleaved")) {
              String mesh = "pipeline: " + pipeline + ", data: " + data + ", schedule: " + schedule;
              add(cases, optimizer, mesh, pipeline * data);
            }
          }
        }
      }
    }
    for (int tensor : new int[] {2, 4}) {
      for (int pipeline = 1; pipeline <= 4; pipeline *= 2) {
        for (int data = 1; tensor * pipeline * data <= 8; data++) {
          for (boolean sequence : new boolean[] {false, true}) {
            String mesh =
                "tensor: "
                    + tensor
                    + ", pipeline: "
                    + pipeline
                    + ", data: "
                    + data
                    + ", sequence: "
                    + sequence;
            add(cases, "adamw", mesh, tensor * pipeline * data);
          }
        }
      }
    }
    return cases.stream();
  }

  private static void add(List<Case> cases, String optimizer, String parallel, int workers) {
    cases.add(new Case("gpt", GPT, optimizer, parallel, workers));
    cases.add(new Case("llama", LLAMA, optimizer, parallel, workers));
  }

  @Tag("full")
  @ParameterizedTest(name = "{0}")
  @MethodSource("all")
  void everyMeshTrainsLikeOneRank(Case mesh, @TempDir Path folder) {
    trainsLikeOneRank(mesh, folder);
  }

  private static LocalRun.Ended finish(Case mesh, Path folder) {
    return finish(
        LocalRun.gpt(folder)
            .with(
                mesh.model(),
                "model.dropout=0.1",
                "optimizer={kind: "
                    + mesh.optimizer()
                    + ", learningRate: 0.01, weightDecay: 0.1, clip: 1.0}",
                "batch={global: 8, micro: 1, groups: 8}",
                "train.steps=" + STEPS,
                "evaluate.every=10",
                "workers={count: " + mesh.workers() + ", threads: 1}",
                "parallel={" + mesh.parallel() + "}"));
  }

  private static LocalRun.Ended finish(LocalRun run) {
    LocalRun.Ended ended = run.run();
    assertEquals(
        Outcome.FINISHED,
        ended.report().outcome(),
        ended.report().sentence() + ended.report().detail());
    assertTrue(ended.history().steps().size() == STEPS);
    return ended;
  }
}
