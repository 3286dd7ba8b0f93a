package dev.bellows.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What the build put into `target/dist`.
class DistTest {
  private static final Path DIST = ProjectFolder.root().resolve("target/dist");

  @BeforeAll
  static void needsADist() {
    assumeTrue(
        Files.isDirectory(DIST.resolve("lib")),
        DIST + " is missing: it exists from Maven's phase package on, as in ./bellows test");
  }

  @Test
  void sparkHomeIsComplete() throws IOException {
    assertTrue(Files.exists(DIST.resolve("spark/RELEASE")), "workers refuse a home without it");
    List<String> jars = names("spark/jars");
    for (String start : List.of("spark-core_", "hadoop-client-runtime-", "log4j-slf4j2-impl-")) {
      assertTrue(jars.stream().anyMatch(jar -> jar.startsWith(start)), start + "* in " + jars);
    }
  }

  /// A class in two jars is loaded from whichever comes first, one day in the wrong version.
  @Test
  void ourJarsRepeatNoClassOfSpark() throws IOException {
    Map<String, Path> sparks = new HashMap<>();
    for (Path jar : jars("spark/jars")) {
      classes(jar).forEach(name -> sparks.put(name, jar));
    }
    assertTrue(sparks.size() > 10_000, () -> "only " + sparks.size() + " classes in Spark's jars");
    var repeated = new TreeSet<String>();
    for (String folder : List.of("lib", "bench")) {
      for (Path jar : jars(folder)) {
        classes(jar)
            .filter(sparks::containsKey)
            .map(name -> jar.getFileName() + " and " + sparks.get(name).getFileName())
            .forEach(repeated::add);
      }
    }
    assertEquals(new TreeSet<String>(), repeated, "jars that share classes");
  }

  @Test
  void noticeListsEveryJar() throws IOException {
    List<String> words =
        List.of(Files.readString(ProjectFolder.root().resolve("NOTICE")).split("\\s+"));
    var unlisted = new TreeSet<String>();
    for (String folder : List.of("lib", "spark/jars", "bench")) {
      names(folder).stream()
          .filter(jar -> !jar.startsWith("bellows-"))
          .filter(jar -> words.stream().noneMatch(word -> isVersionOf(word, jar)))
          .forEach(unlisted::add);
    }
    assertEquals(new TreeSet<String>(), unlisted, "jars that NOTICE does not name");
  }

  private static boolean isVersionOf(String artifact, String jar) {
    return jar.startsWith(artifact + "-")
        && jar.length() > artifact.length() + 1
        && Character.isDigit(jar.charAt(artifact.length() + 1));
  }

  private static Stream<String> classes(Path jar) throws IOException {
    try (var file = new JarFile(jar.toFile())) {
      return file.stream()
          .map(entry -> entry.getName())
          .filter(name -> name.endsWith(".class") && !name.startsWith("META-INF/"))
          .filter(name -> !name.equals("module-info.class"))
          .toList()
          .stream();
    }
  }

  private static List<String> names(String folder) throws IOException {
    return jars(folder).stream().map(jar -> jar.getFileName().toString()).toList();
  }

  private static List<Path> jars(String folder) throws IOException {
    try (Stream<Path> files = Files.list(DIST.resolve(folder))) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    }
  }
}
