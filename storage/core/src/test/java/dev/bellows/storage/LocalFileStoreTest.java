package dev.bellows.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalFileStoreTest extends FileStoreConformance {
  @TempDir Path folder;

  @Override
  protected FileStore store() {
    return new LocalFileStore();
  }

  @Override
  protected String root() {
    return folder.resolve("root").toString();
  }

  @Test
  void aRelativePathIsRefused() {
    IOException e = assertThrows(IOException.class, () -> store().open("relative/file"));
    assertTrue(e.getMessage().startsWith("relative/file: "), e.getMessage());
  }

  @Test
  void theRootIsNeverDeleted() {
    assertThrows(IOException.class, () -> store().delete("/"));
    assertThrows(IOException.class, () -> store().delete("/tmp/.."));
  }

  @Test
  void replaceLeavesAnEmptyFolderAlone() throws IOException {
    store().createFolders(root() + "/empty");
    store().publish(root() + "/file", new byte[1]);
    assertThrows(IOException.class, () -> store().replace(root() + "/file", root() + "/empty"));
    assertTrue(Files.isDirectory(folder.resolve("root/empty")));
  }

  @Test
  void deleteDoesNotFollowLinks() throws IOException {
    Path outside = Files.writeString(folder.resolve("outside"), "keep");
    Files.createDirectories(folder.resolve("root"));
    Files.createSymbolicLink(folder.resolve("root/link"), folder);
    store().delete(root());
    assertEquals("keep", Files.readString(outside));
  }

  @Test
  void aFullDiskNamesTheFile() throws IOException {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.exists(full), "/dev/full is missing here");
    try (FileStore.Writer writer = store().create(full.toString(), true)) {
      IOException e =
          assertThrows(IOException.class, () -> writer.write(MemorySegment.ofArray(new byte[10])));
      assertTrue(e.getMessage().startsWith("/dev/full: "), e.getMessage());
    }
  }
}
