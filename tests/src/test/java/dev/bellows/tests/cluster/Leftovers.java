package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What a finished command may not leave behind: processes (and with them ports), folders in shared
/// memory, Spark's temporary files.
final class Leftovers {
  private static final long PATIENCE_NANOS = Duration.ofSeconds(10).toNanos();

  private Leftovers() {}

  /// Fails with a list when `ended`, which ran in `folder`, left something; waits a moment for
  /// processes that are about to end.
  static void assertNone(Cli ended, Path folder) throws IOException, InterruptedException {
    List<String> found = of(ended, folder, true);
    assertEquals(List.of(), found, () -> "left behind by\n" + ended.output());
  }

  /// The same for a command whose workers were killed: their folders in shared memory may stay
  /// until the next start.
  static void assertNoProcesses(Cli ended, Path folder) throws IOException, InterruptedException {
    assertEquals(List.of(), of(ended, folder, false), () -> "left behind by\n" + ended.output());
  }

  private static List<String> of(Cli ended, Path folder, boolean sharedMemory)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    List<String> found = list(ended, folder, sharedMemory);
    while (!found.isEmpty() && System.nanoTime() < deadline) {
      Thread.sleep(50);
      found = list(ended, folder, sharedMemory);
    }
    return found;
  }

  private static List<String> list(Cli ended, Path folder, boolean sharedMemory)
      throws IOException {
    List<String> found = new ArrayList<>();
    for (long pid : ended.session()) {
      found.add(
          "process "
              + pid
              + " "
              + ProcessHandle.of(pid).flatMap(handle -> handle.info().commandLine()).orElse(""));
    }
    if (sharedMemory) {
      found.addAll(inSharedMemory(ended));
    }
    Path local = Cli.sparkLocal(folder);
    if (Files.exists(local)) {
      try (Stream<Path> entries = Files.list(local)) {
        entries.forEach(entry -> found.add(entry.toString()));
      }
    }
    return found;
  }

  /// The folders in `/dev/shm` whose names end in the id of the driver or of one of its workers.
  static List<String> inSharedMemory(Cli ended) throws IOException {
    Set<Long> pids = ended.workers().stream().map(Cli.WorkerLine::pid).collect(Collectors.toSet());
    pids.add(ended.pid());
    try (Stream<Path> entries = Files.list(Path.of("/dev/shm"))) {
      return entries
          .map(Path::toString)
          .filter(
              name ->
                  pids.stream()
                      .anyMatch(pid -> name.contains("/bellows-") && name.endsWith("-" + pid)))
          .toList();
    }
  }
}
