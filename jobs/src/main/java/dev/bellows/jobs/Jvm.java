package dev.bellows.jobs;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;

/// The JVM flags of every Bellows process, from the one file that holds them: `jvm.options`, packed into this jar.
final class Jvm {
  private Jvm() {}

  /// The flags, separated by blanks.
  static String options() {
    try (InputStream in = Jvm.class.getResourceAsStream("jvm.options")) {
      if (in == null) {
        throw new IllegalStateException(
            "jvm.options is missing from bellows-jobs.jar; build it with Maven");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .map(String::strip)
          .filter(line -> !line.isEmpty() && !line.startsWith("#"))
          .collect(Collectors.joining(" "));
    } catch (IOException e) {
      throw new IllegalStateException("jvm.options cannot be read: " + e.getMessage(), e);
    }
  }
}
