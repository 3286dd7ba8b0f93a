package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Ranks in JVMs of their own: they add up, and the death of one is noticed by the other in time.
@Timeout(60)
class TwoProcessTest {
  private final long runId = ThreadLocalRandom.current().nextLong(Long.MAX_VALUE);
  private final List<Rank> ranks = new ArrayList<>();

  private record Rank(Process process, BufferedReader output, List<String> lines) {
    /// The next line that starts with one of `words`.
    String await(String... words) throws IOException {
      while (true) {
        String line = output.readLine();
        assertNotNull(line, "the worker ended after " + lines);
        lines.add(line);
        for (String word : words) {
          if (line.startsWith(word)) {
            return line;
          }
        }
      }
    }
  }

  private void start(String kind, int rounds, boolean oneHost) throws IOException {
    StringBuilder peers = new StringBuilder();
    for (int rank = 0; rank < 2; rank++) {
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx512m",
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "--enable-native-access=ALL-UNNAMED",
                  "--sun-misc-unsafe-memory-access=allow",
                  "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Worker.class.getName(),
                  kind,
                  "" + rank,
                  "" + runId,
                  "100003",
                  "" + rounds,
                  "" + oneHost)
              .redirectErrorStream(true)
              .start();
      ranks.add(new Rank(process, process.inputReader(), new ArrayList<>()));
    }
    for (Rank rank : ranks) {
      peers.append(rank.await("AT").substring(3)).append(' ');
    }
    for (Rank rank : ranks) {
      rank.process().outputWriter().append(peers).append('\n').flush();
    }
    for (Rank rank : ranks) {
      rank.await("OPEN");
    }
  }

  @AfterEach
  void endProcesses() {
    ranks.forEach(rank -> rank.process().destroyForcibly());
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "udp"})
  void twoProcessesAddUpAndLeaveNothing(String kind) throws Exception {
    start(kind, 10, true);
    for (Rank rank : ranks) {
      rank.await("DONE");
    }
    for (Rank rank : ranks) {
      assertTrue(rank.process().waitFor(5, TimeUnit.SECONDS));
    }
    assertEquals(List.of(), SharedMemoryTest.folders(Long.toHexString(runId)));
  }

  /// Rank 0 owns the media driver of one host. With two hosts nobody sees the other's process, only its silence.
  @ParameterizedTest
  @CsvSource({"auto, true, 0", "auto, true, 1", "auto, false, 1"})
  void theDeathOfAProcessIsNoticed(String kind, boolean oneHost, int victim) throws Exception {
    start(kind, 0, oneHost);
    Thread.sleep(300);
    Rank survivor = ranks.get(1 - victim);
    long killed = System.nanoTime();
    ranks.get(victim).process().destroyForcibly().waitFor();
    String line = survivor.await("LOST");
    long millis = (System.nanoTime() - killed) / 1_000_000;
    assertTrue(line.startsWith("LOST " + victim + " "), line);
    // On one host the process is seen to be gone; between hosts a stream has to be silent for 1.5 s
    // first.
    assertTrue(millis < (oneHost ? 3_000 : 6_000), millis + " ms: " + line);
    System.out.println(
        kind
            + ", one host "
            + oneHost
            + ", victim "
            + victim
            + ": noticed after "
            + millis
            + " ms");
    assertTrue(survivor.process().waitFor(5, TimeUnit.SECONDS), "the survivor does not end");
    SharedMemory.sweep();
    List<Path> left = SharedMemoryTest.folders(Long.toHexString(runId));
    if (oneHost) {
      // The survivor has deleted what the owner of its driver left.
      assertEquals(List.of(), left);
    } else {
      // The victim's own driver served only itself; its folder goes with the first sweep after its
      // heartbeat is old.
      assertTrue(
          left.stream()
              .allMatch(path -> path.toString().endsWith("-" + ranks.get(victim).process().pid())),
          left.toString());
      left.forEach(SharedMemory::delete);
    }
  }

  /// A frozen process still exists, so only its silence gives it away: its driver's to the clients, or its client's to the driver.
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aFrozenProcessIsNoticed(int victim) throws Exception {
    start("auto", 0, true);
    Thread.sleep(300);
    long pid = ranks.get(victim).process().pid();
    assertEquals(0, new ProcessBuilder("kill", "-STOP", "" + pid).start().waitFor());
    long frozen = System.nanoTime();
    String line = ranks.get(1 - victim).await("LOST");
    long millis = (System.nanoTime() - frozen) / 1_000_000;
    System.out.println("victim " + victim + " frozen: noticed after " + millis + " ms");
    assertTrue(line.startsWith("LOST " + victim + " "), line);
    assertTrue(millis < 9_000, millis + " ms: " + line);
    ranks.get(victim).process().destroyForcibly().waitFor();
    assertTrue(
        ranks.get(1 - victim).process().waitFor(5, TimeUnit.SECONDS), "the survivor does not end");
    SharedMemoryTest.folders(Long.toHexString(runId)).forEach(SharedMemory::delete);
  }
}
