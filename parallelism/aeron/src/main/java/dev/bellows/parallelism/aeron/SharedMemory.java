package dev.bellows.parallelism.aeron;

import io.aeron.CommonContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The folders of our media drivers in shared memory. Each name ends in the pid of the process that owns it, so that what a killed
/// process left behind can be told from what is in use.
final class SharedMemory {
  private static final Logger LOG = LoggerFactory.getLogger(SharedMemory.class);
  private static final String PREFIX = "bellows-";
  private static final long HEARTBEAT_IS_OLD_MILLIS = 5_000;

  private SharedMemory() {}

  /// `/dev/shm`, or the folder for temporary files where there is none.
  static Path root() {
    Path shm = Path.of("/dev/shm");
    return Files.isWritable(shm) ? shm : Path.of(System.getProperty("java.io.tmpdir"));
  }

  /// The folder called `name` of the driver that process `pid` owns.
  static Path folder(String name, long pid) {
    return root().resolve(PREFIX + name + "-" + pid);
  }

  /// Makes `folder` anew, open to nobody but this user: what lies in it is not encrypted.
  static void create(Path folder) {
    delete(folder);
    try {
      Files.createDirectory(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException e) {
      throw new IllegalStateException(
          "the folder " + folder + " for shared memory cannot be made: " + e, e);
    }
  }

  /// Deletes the folders whose owners are dead. A folder counts as dead only when its pid is unknown here and its driver has not been
  /// heard of for five seconds: the owner may live in another pid namespace of the same host.
  static void sweep() {
    try (Stream<Path> folders = Files.list(root())) {
      folders
          .filter(folder -> folder.getFileName().toString().startsWith(PREFIX))
          .filter(SharedMemory::isAbandoned)
          .forEach(
              folder -> {
                LOG.info("deleting {}, which a dead process left behind", folder);
                delete(folder);
              });
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("cannot look for left-over folders in {}: {}", root(), e.toString());
    }
  }

  private static boolean isAbandoned(Path folder) {
    String name = folder.getFileName().toString();
    Optional<Long> pid = pid(name.substring(name.lastIndexOf('-') + 1));
    return pid.isPresent() && !isAlive(pid.get()) && !isDriverActive(folder);
  }

  private static Optional<Long> pid(String text) {
    try {
      return Optional.of(Long.parseLong(text));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /// Whether a process `pid` can be seen from here and runs.
  static boolean isAlive(long pid) {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  private static boolean isDriverActive(Path folder) {
    try {
      return CommonContext.isDriverActive(
          Drivers.inside(folder), HEARTBEAT_IS_OLD_MILLIS, message -> {});
    } catch (RuntimeException e) {
      // A half-written folder: only a starting driver has one, and a starting driver's owner is
      // alive.
      return false;
    }
  }

  /// Deletes `folder` and all in it; what is gone already is no error.
  static void delete(Path folder) {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder)) {
      paths = walk.sorted((a, b) -> b.getNameCount() - a.getNameCount()).toList();
    } catch (NoSuchFileException e) {
      return;
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("cannot list {}: {}", folder, e.toString());
      return;
    }
    for (Path path : paths) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        LOG.warn("cannot delete {}: {}", path, e.toString());
      }
    }
  }

  /// Errors: [IllegalStateException] with both numbers and the remedy when the root has no `needed` bytes left.
  static void require(long needed) {
    try {
      require(needed, Files.getFileStore(root()).getUsableSpace(), root());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void require(long needed, long available, Path root) {
    if (needed > available) {
      throw new IllegalStateException(
          root
              + " has "
              + available
              + " bytes left but the transport buffers of this host's ranks need "
              + needed
              + "; give it more (Docker: --shm-size, Kubernetes: an emptyDir with medium Memory,"
              + " else remount it with a larger size), or run fewer ranks per host");
    }
  }
}
