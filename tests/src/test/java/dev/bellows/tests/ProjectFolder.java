package dev.bellows.tests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/// The checkout these tests run in.
public final class ProjectFolder {
  private static final Pattern MODULE = Pattern.compile("<module>([^<]+)</module>");

  private ProjectFolder() {}

  /// The project root: the nearest folder above the working directory that holds `jvm.options`.
  public static Path root() {
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null && !Files.exists(folder.resolve("jvm.options"))) {
      folder = folder.getParent();
    }
    if (folder == null) {
      throw new IllegalStateException(
          "no jvm.options above " + Path.of("").toAbsolutePath() + ": not a Bellows checkout");
    }
    return folder;
  }

  /// The folders of the modules that ship code, as the root pom lists them.
  public static List<Path> codeModules() throws IOException {
    return MODULE
        .matcher(Files.readString(root().resolve("pom.xml")))
        .results()
        .map(match -> match.group(1))
        .filter(module -> !module.equals("tests") && !module.startsWith("dist/"))
        .map(root()::resolve)
        .toList();
  }
}
