package dev.bellows.storage;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// Files of one file system. Paths are absolute strings in the store's own form (`/a/b`, `hdfs://host:port/a/b`) and use `/`.
///
/// Errors: every failure is an [IOException] whose message names the path; a missing file is a [java.nio.file.NoSuchFileException], an
/// existing one where none may be a [java.nio.file.FileAlreadyExistsException]. Thread-safe.
public interface FileStore {
  /// Writes one new file from start to end. Threads: one at a time.
  interface Writer extends AutoCloseable {
    /// Appends `bytes`.
    void write(MemorySegment bytes) throws IOException;

    /// Returns when everything written so far survives a power loss.
    void sync() throws IOException;

    /// Ends the file. Without a [#sync] before, nothing is promised of its bytes.
    @Override
    void close() throws IOException;
  }

  /// Reads ranges of one file. Thread-safe.
  interface Reader extends AutoCloseable {
    /// Length of the file in bytes.
    long length();

    /// Fills `target` from byte `offset` on. Errors: [java.io.EOFException] when the file ends before.
    void read(long offset, MemorySegment target) throws IOException;

    @Override
    void close() throws IOException;
  }

  /// One entry of a folder.
  ///
  /// @param path full path
  /// @param length bytes; 0 for a folder
  /// @param folder whether it is a folder
  record Entry(String path, long length, boolean folder) {
    /// Last part of the path.
    public String name() {
      return path.substring(path.lastIndexOf('/') + 1);
    }
  }

  /// Creates a file; parent folders are created as needed. An existing file is an error unless `overwrite`.
  Writer create(String path, boolean overwrite) throws IOException;

  /// Goes on writing behind the end of an existing file. What was written is visible to readers after a [Writer#sync] or the close.
  Writer append(String path) throws IOException;

  /// Opens a file for reading.
  Reader open(String path) throws IOException;

  /// Whether a file or folder is there.
  boolean exists(String path) throws IOException;

  /// The entries of a folder in name order; empty when the folder is missing.
  List<Entry> list(String folder) throws IOException;

  /// Creates a folder and its parents; an existing folder is fine.
  void createFolders(String folder) throws IOException;

  /// Replaces file `to` by file `from` in one step: readers see the old file or the new one. Durable when it returns.
  void replace(String from, String to) throws IOException;

  /// Deletes a file, or a folder with everything in it; a missing path is fine.
  void delete(String path) throws IOException;

  /// Bytes that may still be written below `folder`, or [Long#MAX_VALUE] when the file system does not say.
  long usableBytes(String folder) throws IOException;

  /// The whole file as UTF-8 text; for small files.
  default String readText(String path) throws IOException {
    return new String(readBytes(path), StandardCharsets.UTF_8);
  }

  /// The whole file; for small files.
  default byte[] readBytes(String path) throws IOException {
    try (Reader reader = open(path)) {
      byte[] bytes = new byte[Math.toIntExact(reader.length())];
      reader.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  /// Publishes `bytes` as file `path`: written beside it, synced, then [#replace]d, so that readers see all or nothing.
  /// When it fails, nothing is left beside it.
  default void publish(String path, byte[] bytes) throws IOException {
    String temporary =
        path + ".tmp-" + ProcessHandle.current().pid() + "-" + Long.toHexString(System.nanoTime());
    try {
      try (Writer writer = create(temporary, true)) {
        writer.write(MemorySegment.ofArray(bytes));
        writer.sync();
      }
      replace(temporary, path);
    } catch (IOException | RuntimeException e) {
      try {
        delete(temporary);
      } catch (IOException | RuntimeException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }
}
