package dev.bellows.storage.hadoop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStoreConformance;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/// The conformance suite against a real NameNode and DataNode; the faults come last, since they end the DataNode.
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class HdfsFileStoreTest extends FileStoreConformance {
  @TempDir static Path folder;
  private static HdfsDaemons daemons;

  @BeforeAll
  static void start() throws Exception {
    daemons = HdfsDaemons.start(folder);
  }

  @AfterAll
  static void stop() {
    daemons.close();
  }

  @Override
  protected FileStore store() throws IOException {
    return FileStores.forPath(daemons.uri() + "/runs");
  }

  @Override
  protected String root() {
    return daemons.uri() + "/runs/suite";
  }

  @Test
  void oneStorePerFileSystem() throws IOException {
    assertInstanceOf(HadoopFileStore.class, store());
    assertSame(store(), FileStores.forPath(daemons.uri() + "/elsewhere"));
  }

  @Test
  void syncedBytesAreReadableBeforeClose() throws IOException {
    FileStore.Writer writer = store().create(root() + "/open", false);
    writer.write(MemorySegment.ofArray(new byte[100]));
    writer.sync();
    assertTrue(store().exists(root() + "/open"));
    writer.close();
    writer.close();
    assertEquals(100, store().list(root()).getFirst().length());
  }

  @Test
  void theRootIsNeverDeleted() {
    assertThrows(IOException.class, () -> store().delete(daemons.uri() + "/"));
  }

  @Test
  void aMissingNameNodeFailsFastAndByName() {
    long start = System.nanoTime();
    IOException e =
        assertThrows(
            IOException.class,
            () -> FileStores.forPath("hdfs://127.0.0.1:9/a").list("hdfs://127.0.0.1:9/a"));
    assertTrue(e.getMessage().startsWith("hdfs://127.0.0.1:9/a: "), e.getMessage());
    assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(30), "took more than 30 s");
  }

  @Test
  @Order(Integer.MAX_VALUE)
  void aLostDataNodeIsOneErrorWithItsCause() throws Exception {
    store().publish(root() + "/kept", new byte[1 << 20]);
    FileStore.Writer failing = store().create(root() + "/failing", false);
    failing.write(MemorySegment.ofArray(new byte[1 << 20]));
    failing.sync();
    FileStore.Reader reader = store().open(root() + "/kept");
    daemons.killDataNode();
    IOException e =
        assertThrows(
            IOException.class,
            () -> {
              try (failing) {
                for (int i = 0; i < 100; i++) {
                  failing.write(MemorySegment.ofArray(new byte[1 << 20]));
                  failing.sync();
                }
              }
            });
    assertTrue(e.getMessage().startsWith(root() + "/failing: "), e.getMessage());
    assertEquals(0, e.getSuppressed().length);
    long start = System.nanoTime();
    IOException read =
        assertThrows(
            IOException.class, () -> reader.read(0, MemorySegment.ofArray(new byte[1 << 20])));
    assertTrue(read.getMessage().contains("/kept"), read.getMessage());
    assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(15), "took more than 15 s");
    store().delete(root());
    assertFalse(store().exists(root()));
  }
}
