package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// What a user can get wrong: each is one sentence on standard error, and an exit code by category.
@EnabledOnOs(OS.LINUX)
class BadInputTest {
  private static final int CONFIGURATION = 2;
  private static final int DATA = 3;
  private static final int NUMERIC = 4;
  private static final int RESOURCE = 5;
  private static final int STORAGE = 7;

  @TempDir private Path folder;
  private static TinyRun reference;

  @BeforeAll
  static void train() throws Exception {
    reference = TinyRun.reference();
  }

  @Test
  void anUnknownKeyNamesTheNearest() throws Exception {
    assertRefused(
        CONFIGURATION, ".*optimizer\\.learningRat\\b.*learningRate.*", "optimizer.learningRat=1");
  }

  @Test
  void anIndivisibleBatch() throws Exception {
    assertRefused(
        CONFIGURATION, ".*batch\\.global is 9; it must be a multiple of .*", "batch.global=9");
  }

  @Test
  void moreWorkersThanGroups() throws Exception {
    assertRefused(
        CONFIGURATION,
        ".*workers\\.count is 9; it must be at most batch\\.groups.*",
        "workers.count=9");
  }

  @Test
  void aMissingRecipe() throws Exception {
    assertOneSentence(
        Cli.run(folder, "train", "no-such.yaml"), CONFIGURATION, ".*no-such\\.yaml.*");
  }

  @Test
  void missingData() throws Exception {
    assertRefused(DATA, ".*no file .*/absent\\.txt.*", "data.path=absent.txt");
  }

  /// A folder, since nothing refuses root a file.
  @Test
  void unreadableData() throws Exception {
    Path path = Files.createDirectories(folder.resolve("a-folder"));
    assertRefused(DATA, ".*" + path + " cannot be read .*", "data.path=" + path);
  }

  @Test
  void notANumber() throws Exception {
    assertRefused(
        NUMERIC,
        ".* at step \\d+ .*rank.*the last finite step was \\d+ with loss \\d.*",
        "optimizer.learningRate=1e30",
        "optimizer.clip=0",
        "schedule.warmup=2");
  }

  @Test
  void aControlPortInUse() throws Exception {
    try (DatagramSocket taken = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      assertRefused(
          RESOURCE,
          ".* port 127\\.0\\.0\\.1:" + taken.getLocalPort() + " is in use; .*",
          "transport.controlPort=" + taken.getLocalPort());
    }
  }

  @Test
  void aWorkerThatNeedsMoreThanItIsGiven() throws Exception {
    assertRefused(
        RESOURCE,
        ".*needs .* but was given 512\\.0 MiB; raise workers\\.memory.*",
        "workers.memory=512MiB");
  }

  /// Such as executors without our jars: Spark would start them again for ever.
  @Test
  void aWorkerThatCannotStart() throws Exception {
    assertRefused(
        RESOURCE,
        ".*a worker on host 127\\.0\\.0\\.1 cannot start: .*dev.bellows.*",
        "spark.conf={spark.executor.extraClassPath: " + folder.resolve("nothing") + "}");
  }

  @Test
  void aRunThatIsComplete() throws Exception {
    Cli cli = Cli.run(folder, "resume", reference.copyTo(folder.resolve("complete")).toString());
    assertOneSentence(cli, CONFIGURATION, ".*is at step 100.*raise train\\.steps.*");
  }

  @Test
  void aFolderWithoutARun() throws Exception {
    assertOneSentence(
        Cli.run(folder, "resume", folder.toString()), STORAGE, ".*is not a run folder.*");
  }

  @Test
  void noJdk() throws Exception {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : List.of("bash", "dirname", "readlink", "env")) {
      Files.createSymbolicLink(bin.resolve(tool), Path.of("/bin", tool).toRealPath());
    }
    List<String> words =
        new ArrayList<>(
            List.of(
                "env", "-i", "PATH=" + bin, "BELLOWS_JDK_FOLDERS=" + bin, "BELLOWS_NO_BUILD=1"));
    words.addAll(Cli.bellows("train", reference.recipe().toString()));
    assertOneSentence(Cli.runAny(folder, words), 2, "bellows: no JDK 25 or newer found.*");
  }

  @Test
  void tooLittleSharedMemory() throws Exception {
    assumeNamespaces();
    List<String> train = Cli.bellows(reference.trainInto(folder.resolve("run")));
    Cli cli =
        Cli.runAny(folder, Cli.inNamespace("mount -t tmpfs -o size=4m tmpfs /dev/shm", train));
    assertOneSentence(
        cli, RESOURCE, ".*/dev/shm has \\d+ bytes left but .* need \\d+; give it more.*");
  }

  @Test
  @Tag("full")
  void tooLittleSharedMemoryForTheWorkers() throws Exception {
    assumeNamespaces();
    List<String> train = Cli.bellows(reference.trainInto(folder.resolve("run")));
    Cli cli =
        Cli.runAny(folder, Cli.inNamespace("mount -t tmpfs -o size=64m tmpfs /dev/shm", train));
    assertOneSentence(
        cli, RESOURCE, ".*/dev/shm has \\d+ bytes left but .* need \\d+; give it more.*");
  }

  /// The first checkpoint, of 1.4 MB, fits; the others do not.
  @Test
  void aFullDiskAtACheckpointDoesNotEndTraining() throws Exception {
    assumeNamespaces();
    Path run = Files.createDirectories(folder.resolve("full"));
    List<String> script =
        new ArrayList<>(
            List.of(
                "sh",
                "-c",
                "run=$1; shift; \"$@\"; code=$?; echo FILES; find $run -type f; exit $code",
                "sh",
                run.toString()));
    script.addAll(Cli.bellows(reference.trainInto(run)));
    Cli cli =
        Cli.runAny(folder, Cli.inNamespace("mount -t tmpfs -o size=2500k tmpfs " + run, script));
    assertTrue(cli.output().contains("saved step 25 to "), cli.output());
    for (int step : new int[] {50, 75, 100}) {
      assertTrue(
          cli.output()
              .lines()
              .anyMatch(
                  line ->
                      line.startsWith(
                          "the checkpoint of step " + step + " failed and was removed")),
          cli.output());
    }
    assertTrue(cli.output().contains("step 100/100 "), cli.output());
    assertEquals(STORAGE, cli.exitCode(), cli.output());
    assertTrue(
        cli.errors().getFirst().startsWith("error: step 100 is done but could not be saved: "),
        cli.output());
    assertTrue(
        cli.errors().get(1).contains("/step-00000025; go on with: bellows resume"), cli.output());
    String files = cli.output().substring(cli.output().indexOf("FILES"));
    assertTrue(
        files.lines().anyMatch(line -> line.matches(".*step-0*25/.*manifest\\.json")), files);
    assertFalse(files.lines().anyMatch(line -> line.matches(".*step-0*(50|75|100)/.*")), files);
  }

  /// Two Spark workers that call themselves two hosts; over the second one's run folder lies
  /// another file system.
  @Test
  void aRunFolderThatAnotherHostDoesNotSee() throws Exception {
    assumeNamespaces();
    Path run = Files.createDirectories(folder.resolve("unshared"));
    try (StandaloneCluster cluster = StandaloneCluster.start(folder.resolve("cluster"))) {
      cluster.addWorker("127.0.0.1", 1, "");
      cluster.addWorker("127.0.0.2", 1, "mount -t tmpfs tmpfs " + run);
      Cli cli = Cli.run(folder, reference.trainInto(run, "--master", cluster.url()));
      assertOneSentence(cli, STORAGE, ".*host 127\\.0\\.0\\.2 does not see the run folder.*");
    }
  }

  private static void assumeNamespaces() throws Exception {
    assumeTrue(
        Cli.namespacesAllowed(),
        "this user may not mount in a namespace of its own (unshare --mount)");
  }

  private void assertRefused(int exitCode, String sentence, String... overrides)
      throws IOException, InterruptedException {
    Path run = folder.resolve("refused");
    assertOneSentence(Cli.run(folder, reference.trainInto(run, overrides)), exitCode, sentence);
  }

  private static void assertOneSentence(Cli cli, int exitCode, String sentence) {
    assertEquals(1, cli.errors().size(), cli.output());
    String line = cli.errors().getFirst();
    assertTrue(line.startsWith("error: ") || line.startsWith("bellows: "), cli.output());
    assertTrue(line.matches(sentence), cli.output());
    assertEquals(exitCode, cli.exitCode(), cli.output());
  }
}
