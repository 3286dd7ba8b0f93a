package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// The commands that look at checkpoints, and a run that goes on in spite of a damaged one.
@EnabledOnOs(OS.LINUX)
class CheckpointToolsTest {
  /// Behind a part's header, which ends on 4 KiB, and the first tensor's start.
  private static final int INSIDE_A_TENSOR = 3 * 4096;

  private static final Pattern TENSOR_AND_BYTES =
      Pattern.compile(", tensor (\\S+), bytes (\\d+) to (\\d+): ");

  @TempDir private Path folder;
  private static TinyRun reference;

  @BeforeAll
  static void train() throws Exception {
    reference = TinyRun.reference();
  }

  @Test
  void aFlippedByteIsNamedAndTheCheckpointBeforeItIsUsed() throws Exception {
    Path run = reference.copyTo(folder.resolve("damaged"));
    Path newest = newest(run);
    Path part = firstPart(newest);
    long seed = System.nanoTime();
    long offset = flip(part, seed);
    Cli verify = Cli.run(folder, "checkpoint", "verify", newest.toString());
    String shown = "seed " + seed + ", offset " + offset + "\n" + verify.output();
    assertEquals(7, verify.exitCode(), shown);
    String problem = verify.errors().getFirst();
    assertTrue(problem.contains(part.getFileName().toString()), shown);
    Matcher named = TENSOR_AND_BYTES.matcher(problem);
    assertTrue(named.find(), shown);
    assertTrue(
        Long.parseLong(named.group(2)) <= offset && offset <= Long.parseLong(named.group(3)),
        shown);
    Cli inspect = Cli.run(folder, "checkpoint", "inspect", newest.toString());
    assertTrue(
        inspect
            .output()
            .lines()
            .anyMatch(line -> line.matches("tensor +\\Q" + named.group(1) + "\\E .*")),
        shown);

    Cli resumed = Cli.run(folder, "resume", run.toString(), "workers.count=1");
    assertEquals(0, resumed.exitCode(), resumed.output());
    assertTrue(
        resumed
            .output()
            .lines()
            .anyMatch(
                line -> line.startsWith("the checkpoint of step 100 is damaged and not used: ")),
        resumed.output());
    reference.assertEqualTo(run, folder);
  }

  @Test
  void aDamagedManifestIsNamed() throws Exception {
    Path run = reference.copyTo(folder.resolve("manifest"));
    Path manifest = newest(run).resolve("manifest.json");
    byte[] bytes = Files.readAllBytes(manifest);
    bytes[bytes.length / 2] ^= 1;
    Files.write(manifest, bytes);
    Cli verify = Cli.run(folder, "checkpoint", "verify", manifest.getParent().toString());
    assertEquals(7, verify.exitCode(), verify.output());
    assertTrue(verify.errors().getFirst().contains("manifest.json"), verify.output());
  }

  @Test
  void inspectVerifyAndDiff() throws Exception {
    Cli inspect = Cli.run(folder, "checkpoint", "inspect", reference.folder().toString());
    assertEquals(0, inspect.exitCode(), inspect.output());
    assertTrue(inspect.output().contains("step        100"), inspect.output());
    assertTrue(
        inspect.output().lines().filter(line -> line.startsWith("part ")).count() >= 2,
        inspect.output());
    assertTrue(
        inspect.output().lines().filter(line -> line.startsWith("tensor ")).count() > 20,
        inspect.output());
    Cli verify = Cli.run(folder, "checkpoint", "verify", reference.folder().toString());
    assertEquals(0, verify.exitCode(), verify.output());
    List<Path> all = checkpoints(reference.folder());
    Cli diff =
        Cli.run(folder, "checkpoint", "diff", all.getFirst().toString(), all.getLast().toString());
    assertEquals(1, diff.exitCode(), diff.output());
    assertTrue(diff.output().contains("steps 25 and 100"), diff.output());
  }

  @Test
  void generateWritesTheSameTextForTheSameSeed() throws Exception {
    String[] args = {
      "generate",
      reference.folder().toString(),
      "--prompt",
      "the worker",
      "--length",
      "60",
      "--seed",
      "5"
    };
    Cli first = Cli.run(folder, args);
    assertEquals(0, first.exitCode(), first.output());
    assertTrue(first.printed().startsWith("the worker"), first.output());
    assertTrue(first.printed().length() >= 60, first.output());
    assertEquals(first.printed(), Cli.run(folder, args).printed());
  }

  @Test
  void doctorFindsThisMachineReady() throws Exception {
    Cli doctor = Cli.run(folder, "doctor", "--folder", folder.resolve("runs").toString());
    assertEquals(0, doctor.exitCode(), doctor.output());
    assertEquals(
        8,
        doctor.output().lines().filter(line -> line.startsWith("ok  ")).count(),
        doctor.output());
    assertTrue(doctor.output().endsWith("everything is ready"), doctor.output());
  }

  /// Flips one bit of a byte that belongs to a tensor. Returns its offset.
  private static long flip(Path part, long seed) throws IOException {
    try (FileChannel channel =
        FileChannel.open(part, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      Random random = new Random(seed);
      long offset = INSIDE_A_TENSOR - (long) random.nextInt(4096);
      ByteBuffer one = ByteBuffer.allocate(1);
      channel.read(one, offset);
      one.put(0, (byte) (one.get(0) ^ 1 << random.nextInt(8))).rewind();
      channel.write(one, offset);
      return offset;
    }
  }

  private static Path newest(Path run) throws IOException {
    return checkpoints(run).getLast();
  }

  /// The checkpoints of `run`, in the order of their steps.
  static List<Path> checkpoints(Path run) throws IOException {
    try (Stream<Path> steps = Files.list(run.resolve("checkpoints"))) {
      return steps.filter(Files::isDirectory).sorted().toList();
    }
  }

  private static Path firstPart(Path checkpoint) throws IOException {
    try (Stream<Path> files = Files.list(checkpoint)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .sorted()
          .findFirst()
          .orElseThrow();
    }
  }
}
