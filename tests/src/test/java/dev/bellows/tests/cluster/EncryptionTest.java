package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Encrypted runs on an embedded cluster whose Spark traffic is encrypted too.
@EnabledOnOs(OS.LINUX)
class EncryptionTest {
  private static final String SPARK =
      "spark.conf={spark.authenticate: 'true', spark.authenticate.secret: 'of a test',"
          + " spark.network.crypto.enabled: 'true', spark.eventLog.enabled: 'true',"
          + " spark.eventLog.dir: 'file://%s'}";

  @TempDir private Path folder;

  @Test
  void trainsWithTheSameBitsAndWritesNoKey() throws Exception {
    TinyRun reference = TinyRun.reference();
    Path run = folder.resolve("run");
    Path events = Files.createDirectories(folder.resolve("events"));
    Cli cli =
        Cli.run(
            folder,
            reference.trainInto(
                run,
                "workers.count=2",
                "transport.kind=udp",
                "transport.encryption=true",
                SPARK.formatted(events)));
    assertEquals(0, cli.exitCode(), cli.output());
    reference.assertEqualTo(run, folder);
    // A key that was written as an object would leave its class's name. The event log was written.
    List<Path> files = files(folder);
    assertTrue(files.stream().anyMatch(file -> file.startsWith(events)), files.toString());
    for (Path file : files) {
      assertFalse(text(file).contains("security.RunKey"), file.toString());
    }
    assertFalse(cli.output().contains("security.RunKey"));
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile).toList();
    }
  }

  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
  }

  @Test
  void sparkEncryptedAloneIsRefused() throws Exception {
    TinyRun reference = TinyRun.reference();
    Path run = folder.resolve("refused");
    Cli cli = Cli.run(folder, reference.trainInto(run, SPARK.formatted(folder)));
    assertEquals(2, cli.exitCode(), cli.output());
    assertEquals(
        List.of(
            "error: spark.network.crypto.enabled is true, but transport.encryption is false, so"
                + " gradients and control messages would travel in clear beside Spark's encrypted"
                + " traffic; set transport.encryption=true"),
        cli.errors());
    assertFalse(Files.exists(run), "nothing was begun");
  }
}
