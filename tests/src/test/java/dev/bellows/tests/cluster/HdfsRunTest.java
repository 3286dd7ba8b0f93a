package dev.bellows.tests.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import dev.bellows.storage.hadoop.HdfsDaemons;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// A run whose folder and text lie on HDFS, stopped and resumed, equals the run on local files.
@EnabledOnOs(OS.LINUX)
class HdfsRunTest {
  @TempDir private Path folder;

  @Test
  void trainsAndResumesOnHdfs() throws Exception {
    TinyRun reference = TinyRun.reference();
    try (HdfsDaemons hdfs = HdfsDaemons.start(Files.createDirectories(folder.resolve("hdfs")))) {
      String text = hdfs.uri() + "/data/words.txt";
      String run = hdfs.uri() + "/runs/tiny";
      FileStore store = FileStores.forPath(run);
      store.publish(text, Files.readAllBytes(reference.text()));
      Cli half =
          Cli.run(
              folder,
              "train",
              reference.recipe().toString(),
              "run.folder=" + run,
              "data.path=" + text,
              "--stop-after",
              "50");
      assertEquals(0, half.exitCode(), half.output());
      Cli rest = Cli.run(folder, "resume", run, "workers.count=3");
      assertEquals(0, rest.exitCode(), rest.output());
      SortedMap<Long, Double> expected = TinyRun.losses(reference.folder());
      SortedMap<Long, Double> found =
          TinyRun.losses(store.readText(run + "/metrics.jsonl").lines().toList());
      assertEquals(expected.keySet(), found.keySet(), rest.output());
      assertEquals(expected, found);
      Cli verify = Cli.run(folder, "checkpoint", "verify", run);
      assertEquals(0, verify.exitCode(), verify.output());
      reference.assertSameWeights(run, folder);
    }
  }
}
