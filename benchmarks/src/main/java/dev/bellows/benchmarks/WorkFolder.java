package dev.bellows.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A temporary folder of plain files, gone when closed.
///
/// @param path where it is
record WorkFolder(Path path) implements AutoCloseable {
  /// A new one inside `parent`, which is created too.
  static WorkFolder in(Path parent) throws IOException {
    Files.createDirectories(parent);
    return new WorkFolder(Files.createTempDirectory(parent, "work-"));
  }

  @Override
  public void close() throws IOException {
    try (var files = Files.list(path)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(path);
  }
}
