package dev.bellows.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FileStoresTest {
  @Test
  void plainPathsAndFileAreLocal() throws IOException {
    for (String path : new String[] {"/a/b", "a/b", "a:b", "file:/a", "file:///a/b", "C:/x"}) {
      assertInstanceOf(LocalFileStore.class, FileStores.forPath(path), path);
    }
  }

  @Test
  void anUnknownSchemeNamesTheKnownOnes() {
    IOException e = assertThrows(IOException.class, () -> FileStores.forPath("gopher://host/a"));
    assertEquals(
        "gopher://host/a: no file system serves the scheme 'gopher'; known are plain paths and"
            + " file",
        e.getMessage());
  }

  @Test
  void absoluteForms() {
    assertEquals("/a/c", FileStores.absolute("/a/b/../c/"));
    assertEquals(Path.of("").toAbsolutePath() + "/runs/x", FileStores.absolute("runs/x"));
    assertEquals("/a/b c", FileStores.absolute("file:///a/b c"));
    assertEquals("/a/b c", FileStores.absolute("file:/a/b%20c"));
    assertEquals("/a/b#1?x", FileStores.absolute("file:/a/b#1?x"));
    assertEquals("/a/100% b", FileStores.absolute("file:///a/100% b"));
    assertEquals("/a", FileStores.absolute("file://localhost/a"));
    assertThrows(IllegalArgumentException.class, () -> FileStores.absolute("file://host/a"));
    assertEquals("hdfs://host:1/a", FileStores.absolute("hdfs://host:1/a/"));
    assertEquals("hdfs://host:1/", FileStores.absolute("hdfs://host:1/"));
  }

  @Test
  void resolveStaysBelowTheFolder() {
    assertEquals("/a/b", FileStores.resolve("/a", "b"));
    assertEquals("/a/b", FileStores.resolve("/a/", "b"));
    assertEquals("/b", FileStores.resolve("/", "b"));
    assertEquals("hdfs://h/b/c", FileStores.resolve("hdfs://h/", "b/c"));
    for (String child :
        new String[] {"", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a"}) {
      assertThrows(IllegalArgumentException.class, () -> FileStores.resolve("/a", child), child);
    }
  }
}
