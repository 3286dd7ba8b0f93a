package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Worker processes that share the model, over shared memory and UDP, train like two data-parallel ones: to the bit, or to rounding where layers are
/// split.
@EnabledOnOs(OS.LINUX)
class MeshTest {
  private static final int STEPS = 15;

  @TempDir private static Path folder;
  private static TinyRun reference;

  @BeforeAll
  static void train() throws Exception {
    reference = TinyRun.reference();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4 | auto | pipeline: 2, data: 2",
        "2 | udp  | tensor: 2, sequence: true",
        "3 | auto | data: 3, zero: 3",
      })
  void trainsAlike(int workers, String transport, String parallel) throws Exception {
    compare(workers, transport, parallel);
  }

  @Tag("full")
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2 | auto | pipeline: 2, schedule: gpipe",
        "2 | udp  | pipeline: 2, schedule: 1f1b",
        "6 | auto | pipeline: 2, data: 3",
        "2 | auto | tensor: 2",
        "4 | udp  | tensor: 2, data: 2",
        "4 | auto | tensor: 2, pipeline: 2",
        "8 | auto | tensor: 2, pipeline: 2, data: 2, sequence: true",
        "3 | auto | data: 3",
        "2 | auto | data: 2, zero: 1",
        "3 | udp  | data: 3, zero: 2",
        "4 | udp  | data: 4, zero: 3",
      })
  void everyMeshTrainsAlike(int workers, String transport, String parallel) throws Exception {
    compare(workers, transport, parallel);
  }

  /// What one mesh saved, another goes on with. A degree that is not named keeps what the run was saved with.
  @Tag("full")
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4 | pipeline: 2, data: 2 | 2 | pipeline: 1, data: 2, zero: 3",
        "3 | data: 3, zero: 2     | 4 | pipeline: 2, data: 2, zero: 0",
      })
  void goesOnUnderAnotherMesh(int before, String first, int after, String second) throws Exception {
    Path run = run(before, "auto", first, "--stop-after", "10");
    Cli cli =
        Cli.run(
            folder,
            "resume",
            run.toString(),
            "workers.count=" + after,
            "parallel={" + second + "}");
    assertEquals(0, cli.exitCode(), cli.output());
    assertLosses(run, 0);
  }

  private static void compare(int workers, String transport, String parallel) throws Exception {
    Path run = run(workers, transport, parallel);
    assertLosses(run, parallel.contains("tensor") ? 1e-5 : 0);
  }

  private static Path run(int workers, String transport, String parallel, String... more)
      throws Exception {
    Path run = folder.resolve("run-" + workers + "-" + Math.abs(parallel.hashCode()) + transport);
    List<String> words =
        List.of(
            "workers.count=" + workers,
            "workers.threads=1",
            "workers.memory=700MiB",
            "transport.kind=" + transport,
            "parallel={" + parallel + "}",
            "train.steps=" + STEPS,
            "evaluate.every=10");
    String[] args =
        reference.trainInto(
            run, Stream.concat(words.stream(), List.of(more).stream()).toArray(String[]::new));
    Cli cli = Cli.run(folder, args);
    assertEquals(0, cli.exitCode(), cli.output());
    assertEquals(workers, cli.workers().size());
    return run;
  }

  private static void assertLosses(Path run, double tolerance) throws Exception {
    SortedMap<Long, Double> expected = TinyRun.losses(reference.folder()).headMap(STEPS + 1L);
    SortedMap<Long, Double> losses = TinyRun.losses(run);
    assertEquals(expected.keySet(), losses.keySet());
    for (long step : expected.keySet()) {
      double loss = expected.get(step);
      double difference = Math.abs(loss - losses.get(step));
      assertTrue(difference <= tolerance * loss, "step " + step + " differs by " + difference);
    }
  }
}
