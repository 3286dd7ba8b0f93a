package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.tests.ProjectFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Runs on a standalone cluster of one master and two Spark workers that call themselves two hosts.
@EnabledOnOs(OS.LINUX)
class StandaloneTest {
  @TempDir private static Path folder;
  private static TinyRun reference;
  private static StandaloneCluster cluster;

  @BeforeAll
  static void startCluster() throws Exception {
    reference = TinyRun.reference();
    cluster = StandaloneCluster.start(folder.resolve("cluster"));
    cluster.addWorker("127.0.0.1", 4, "");
    cluster.addWorker("127.0.0.2", 4, "");
  }

  @AfterAll
  static void stopCluster() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void theLauncherTrainsOnTwoHostsOverUdp() throws Exception {
    Path run = folder.resolve("udp");
    Cli cli =
        Cli.run(
            folder,
            reference.trainInto(
                run,
                "--master",
                cluster.url(),
                "workers.count=3",
                "workers.threads=2",
                "transport.kind=udp"));
    assertEquals(0, cli.exitCode(), cli.output());
    assertEquals(
        2, cli.workers().stream().map(Cli.WorkerLine::host).distinct().count(), cli.output());
    reference.assertEqualTo(run, folder);
  }

  /// Without `./bellows`: nothing but Spark, our jars and the flags of `jvm.options`.
  @Test
  void plainSparkSubmitTrains() throws Exception {
    Path run = folder.resolve("submitted");
    Path root = ProjectFolder.root();
    Path dist = root.resolve("target/dist");
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "SPARK_HOME=" + dist.resolve("spark"),
                "JAVA_HOME=" + System.getProperty("java.home"),
                StandaloneCluster.java(),
                "@" + root.resolve("jvm.options"),
                "-cp",
                dist.resolve("spark/jars") + "/*",
                "org.apache.spark.deploy.SparkSubmit",
                "--class",
                "dev.bellows.jobs.Bellows",
                "--master",
                cluster.url(),
                "--jars",
                jars(dist.resolve("lib")),
                jobsJar(dist.resolve("lib")).toString()));
    command.addAll(List.of(reference.trainInto(run)));
    Cli cli = Cli.runAny(folder, command);
    assertEquals(0, cli.exitCode(), cli.output());
    assertEquals(2, cli.workers().size(), cli.output());
    reference.assertEqualTo(run, folder);
  }

  private static String jars(Path lib) throws IOException {
    try (Stream<Path> files = Files.list(lib)) {
      return files
          .filter(file -> !isJobs(file))
          .map(Path::toString)
          .collect(Collectors.joining(","));
    }
  }

  private static Path jobsJar(Path lib) throws IOException {
    try (Stream<Path> files = Files.list(lib)) {
      return files.filter(StandaloneTest::isJobs).findFirst().orElseThrow();
    }
  }

  private static boolean isJobs(Path file) {
    return file.getFileName().toString().startsWith("bellows-jobs");
  }
}
