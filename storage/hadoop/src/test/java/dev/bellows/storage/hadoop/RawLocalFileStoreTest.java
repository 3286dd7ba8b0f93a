package dev.bellows.storage.hadoop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStoreConformance;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The conformance suite against Hadoop's raw local file system, which differs from HDFS in rename and in errors.
class RawLocalFileStoreTest extends FileStoreConformance {
  @TempDir Path folder;

  @Override
  protected FileStore store() throws IOException {
    return FileStores.forPath(root());
  }

  @Override
  protected String root() {
    return "hadoop+" + folder.toUri() + "root";
  }

  @Test
  void noChecksumFilesAppear() throws IOException {
    store().publish(root() + "/file", new byte[10]);
    assertTrue(Files.exists(folder.resolve("root/file")));
    assertEquals(1, store().list(root()).size());
  }

  @Test
  void anUnknownSchemeNamesTheKnownOnes() {
    IOException e = assertThrows(IOException.class, () -> FileStores.forPath("gopher://host/a"));
    assertTrue(e.getMessage().contains("hdfs"), e.getMessage());
    assertTrue(e.getMessage().contains("viewfs"), e.getMessage());
    assertFalse(e.getMessage().contains("null"), e.getMessage());
  }
}
