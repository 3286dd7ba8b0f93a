package dev.bellows.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Backend;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// The bits of every operation depend on neither the number of threads nor on how far the JIT compiler has come.
final class CpuBitsTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 1);

  @Test
  void bitsOfManyTilesDoNotDependOnThreads() {
    for (long seed = SEED; seed < SEED + 2; seed++) {
      Map<String, String> one = checksums(1, seed, 12);
      for (int threads : new int[] {2, 3, 5}) {
        assertEquals(
            one, checksums(threads, seed, 12), threads + " threads, -Dbellows.test.seed=" + seed);
      }
    }
  }

  /// Shows that the comparison above can fail.
  @Test
  void otherDataGivesOtherChecksums() {
    Map<String, String> one = checksums(1, SEED, 1);
    checksums(1, SEED + 1, 1)
        .forEach((name, checksum) -> assertNotEquals(one.get(name), checksum, name));
  }

  /// A resumed run interprets its first steps, while the run it continues had compiled them.
  @Test
  void interpretedAndCompiledCodeGiveEqualBits() throws IOException, InterruptedException {
    Map<String, String> interpreted = probe(1, "-Xint");
    // Without tiers there are no profiles to wait for; three rounds are far beyond the threshold.
    Map<String, String> compiled =
        probe(4, "-XX:-TieredCompilation", "-XX:CompileThreshold=100", "-Xbatch");
    assertNotEquals(
        interpreted.remove(Probe.CONTROL),
        compiled.remove(Probe.CONTROL),
        "nothing was compiled, or nothing interpreted");
    assertEquals(interpreted, compiled, "-Dbellows.test.seed=" + SEED);
  }

  private static Map<String, String> checksums(int threads, long seed, int scale) {
    try (Backend backend = new CpuBackend(threads)) {
      return Probe.checksums(backend, seed, scale);
    }
  }

  private static Map<String, String> probe(int rounds, String... flags)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(a -> !a.startsWith("-javaagent"))
        .forEach(command::add);
    command.addAll(List.of(flags));
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            Probe.class.getName(),
            Long.toString(SEED),
            Integer.toString(rounds)));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    Map<String, String> checksums = new LinkedHashMap<>();
    for (String line :
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList()) {
      int split = line.lastIndexOf('=');
      checksums.put(line.substring(0, split), line.substring(split + 1));
    }
    assertEquals(0, process.waitFor(), () -> "the probing JVM failed: " + command);
    assertTrue(checksums.size() > 20, "checksums came back");
    return checksums;
  }
}
