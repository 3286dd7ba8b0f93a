package dev.bellows.trainer.data;

import java.nio.file.Path;

/// Real data that is no part of the project.
final class TestData {
  private TestData() {}

  /// `name` in the folder that `BELLOWS_TEST_DATA` names, or in `../shared/data` beside the project.
  static Path path(String name) {
    String folder = System.getenv("BELLOWS_TEST_DATA");
    return Path.of(folder == null ? "../../../shared/data" : folder)
        .resolve(name)
        .toAbsolutePath()
        .normalize();
  }
}
