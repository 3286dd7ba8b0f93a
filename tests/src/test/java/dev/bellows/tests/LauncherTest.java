package dev.bellows.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The script `bellows` in a tree of its own, with a `java` that prints its arguments and a `mvn`
/// that only notes that it was called.
class LauncherTest {
  private static final List<String> TOOLS =
      List.of(
          "bash",
          "dirname",
          "find",
          "readlink",
          "mktemp",
          "mkdir",
          "mv",
          "rm",
          "sed",
          "uname",
          "grep",
          "awk",
          "tee",
          "flock",
          "cat",
          "env");

  @TempDir private Path folder;
  private Path home;
  private Path elsewhere;

  private record Outcome(int exitCode, List<String> out, List<String> err) {}

  @BeforeEach
  void buildATree() throws IOException {
    home = Files.createDirectories(folder.resolve("home"));
    elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    for (String name : List.of("bellows", "jvm.options")) {
      Files.copy(ProjectFolder.root().resolve(name), home.resolve(name));
    }
    executable(home.resolve("bellows"), Files.readString(home.resolve("bellows")));
    Files.createDirectories(home.resolve("jobs/src/main/java"));
    Files.writeString(home.resolve("pom.xml"), "<project/>");
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : TOOLS) {
      Path found = Path.of("/usr/bin", tool);
      Files.createSymbolicLink(
          bin.resolve(tool), Files.exists(found) ? found : Path.of("/bin", tool));
    }
    executable(
        bin.resolve("mvn"),
        "#!/usr/bin/env bash\necho \"$*\" >>maven-calls\nmkdir -p target/dist/lib\n");
    jdk("jdk-25", "25.0.1");
    jdk("jdk-17", "17.0.9");
  }

  @Test
  void takesTheNewEnoughJdkAndTheCallersFolder() throws Exception {
    Outcome outcome = launch("train", "conf/a file.yaml", "x=1");
    assertEquals(0, outcome.exitCode(), outcome.toString());
    assertTrue(outcome.out().contains("jdk-25"), outcome.toString());
    assertTrue(outcome.out().contains("in " + elsewhere.toRealPath()), outcome.toString());
    int main = outcome.out().indexOf("dev.bellows.jobs.Bellows");
    assertEquals(
        List.of("train", "conf/a file.yaml", "x=1"),
        outcome.out().subList(main + 1, outcome.out().size()));
    String dist = home.toRealPath().resolve("target/dist").toString();
    assertTrue(outcome.out().contains(dist + "/lib/*:" + dist + "/spark/jars/*"));
    assertTrue(outcome.out().contains("spark home " + dist + "/spark"), outcome.toString());
  }

  @Test
  void onlyBenchGetsTheBenchmarkJars() throws Exception {
    assertTrue(
        launch("bench", "engine").out().stream().anyMatch(line -> line.contains("/bench/*")));
    assertFalse(launch("train").out().stream().anyMatch(line -> line.contains("/bench/*")));
  }

  @Test
  void buildsOnceAndAgainOnlyAfterAChange() throws Exception {
    Outcome first = launch("doctor");
    assertTrue(first.err().getFirst().startsWith("bellows: first use, building"), first.toString());
    launch("doctor");
    assertEquals(1, mavenCalls());
    Path source = Files.writeString(home.resolve("jobs/src/main/java/New.java"), "class New {}");
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(1)));
    Outcome changed = launch("doctor");
    assertEquals("bellows: sources changed, building ...", changed.err().getFirst());
    assertEquals(2, mavenCalls());
  }

  @Test
  void aMissingJdkIsOneSentence() throws Exception {
    executable(folder.resolve("jdks/jdk-25/bin/javac"), "");
    Files.writeString(folder.resolve("jdks/jdk-25/release"), "JAVA_VERSION=\"21.0.2\"\n");
    assertRefused(launch("doctor"), "no JDK 25 or newer");
  }

  @Test
  void aMissingMavenIsOneSentence() throws Exception {
    Files.delete(folder.resolve("bin/mvn"));
    Outcome outcome = launch("build");
    assertRefused(outcome, "Maven (mvn) is not on the PATH");
  }

  @Test
  void anUnknownModuleIsOneSentence() throws Exception {
    assertRefused(launch("test", "tensr"), "there is no module 'tensr'");
  }

  private static void assertRefused(Outcome outcome, String start) {
    assertEquals(2, outcome.exitCode(), outcome.toString());
    assertEquals(1, outcome.err().size(), outcome.toString());
    assertTrue(outcome.err().getFirst().startsWith("bellows: " + start), outcome.toString());
  }

  private long mavenCalls() throws IOException {
    return Files.readAllLines(home.resolve("maven-calls")).size();
  }

  private void jdk(String name, String version) throws IOException {
    Path bin = Files.createDirectories(folder.resolve("jdks").resolve(name).resolve("bin"));
    Files.writeString(bin.resolveSibling("release"), "JAVA_VERSION=\"" + version + "\"\n");
    executable(bin.resolve("javac"), "#!/usr/bin/env bash\n");
    executable(
        bin.resolve("java"),
        "#!/usr/bin/env bash\necho "
            + name
            + "\necho \"in $PWD\"\necho \"spark home $SPARK_HOME\"\nprintf '%s\\n' \"$@\"\n");
  }

  private static void executable(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Outcome launch(String... arguments) throws Exception {
    var command = new ArrayList<String>(List.of(home.resolve("bellows").toString()));
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    var builder = new ProcessBuilder(command).directory(elsewhere.toFile());
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().keySet().removeIf(key -> !key.equals("LANG"));
    builder.environment().put("PATH", folder.resolve("bin").toString());
    builder.environment().put("BELLOWS_JDK_FOLDERS", folder.resolve("jdks").toString());
    Process process = builder.start();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the launcher hangs");
    return new Outcome(
        process.exitValue(),
        Files.readAllLines(out, StandardCharsets.UTF_8),
        Files.readAllLines(err, StandardCharsets.UTF_8));
  }
}
