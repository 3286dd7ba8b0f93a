package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.aeron.driver.MediaDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SharedMemoryTest {
  static List<Path> folders(String part) throws IOException {
    try (Stream<Path> list = Files.list(SharedMemory.root())) {
      return list.filter(
              path ->
                  path.getFileName().toString().startsWith("bellows-")
                      && path.toString().contains(part))
          .toList();
    }
  }

  static void assertNothingOfThisProcess() throws IOException {
    String suffix = "-" + ProcessHandle.current().pid();
    assertEquals(
        List.of(),
        folders(suffix).stream().filter(path -> path.toString().endsWith(suffix)).toList());
  }

  @Test
  void sweepsOnlyWhatTheDeadLeft() throws Exception {
    Process process = new ProcessBuilder("true").start();
    process.waitFor();
    Path dead = SharedMemory.folder("sweeptest", process.pid());
    Path alive = SharedMemory.folder("sweeptest", ProcessHandle.current().pid());
    try {
      Files.createDirectories(dead.resolve("publications"));
      Files.writeString(dead.resolve("publications/1.logbuffer"), "x");
      Files.createDirectories(alive);
      SharedMemory.sweep();
      assertFalse(Files.exists(dead));
      assertTrue(Files.exists(alive));
    } finally {
      SharedMemory.delete(dead);
      SharedMemory.delete(alive);
    }
  }

  /// What crosses shared memory is not encrypted, so nobody else may look into it.
  @Test
  void foldersAreOpenToTheirOwnerAlone() throws Exception {
    Path folder = SharedMemory.folder("rightstest", ProcessHandle.current().pid());
    try (MediaDriver driver = Drivers.launchData(folder, "rights")) {
      assertEquals(
          "rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder)));
      assertTrue(Files.exists(Drivers.counters(folder)));
      assertTrue(driver.context().aeronDirectory().toPath().startsWith(folder));
    } finally {
      SharedMemory.delete(folder);
    }
  }

  @Test
  void refusesTooLittleMemoryWithBothNumbersAndTheRemedy() {
    Path root = Path.of("/dev/shm");
    SharedMemory.require(100, 100, root);
    String message =
        assertThrows(IllegalStateException.class, () -> SharedMemory.require(101, 100, root))
            .getMessage();
    assertTrue(
        message.contains(" 101;") && message.contains(" 100 ") && message.contains("--shm-size"),
        message);
  }
}
