package dev.bellows.trainer.data;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.NoSuchFileException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/// Reads whole data files from any file system that has a store. Each failure is a [DataException] of one sentence.
final class DataFiles {
  private DataFiles() {}

  /// The bytes of `path`, decompressed when its name ends in `.gz`. `remedy` says what to do when it is missing.
  static byte[] read(String path, String remedy) {
    String absolute = FileStores.absolute(path);
    try {
      return content(FileStores.forPath(absolute), absolute);
    } catch (NoSuchFileException e) {
      throw new DataException("there is no file " + absolute + "; " + remedy, e);
    } catch (ZipException | EOFException e) {
      throw new DataException(
          "the file " + absolute + " is no complete gzip file; fetch or compress it again", e);
    } catch (IOException e) {
      throw new DataException(
          "the file "
              + absolute
              + " cannot be read ("
              + e
              + "); check the path and its permissions",
          e);
    }
  }

  private static byte[] content(FileStore store, String path) throws IOException {
    byte[] bytes;
    try (FileStore.Reader reader = store.open(path)) {
      if (reader.length() > Integer.MAX_VALUE - 8) {
        throw new DataException(
            "the file "
                + path
                + " has "
                + reader.length()
                + " bytes; a data file may have at most 2 GiB");
      }
      bytes = new byte[(int) reader.length()];
      reader.read(0, MemorySegment.ofArray(bytes));
    }
    if (!path.endsWith(".gz")) {
      return bytes;
    }
    try (GZIPInputStream stream = new GZIPInputStream(new ByteArrayInputStream(bytes), 1 << 16)) {
      return stream.readAllBytes();
    }
  }

  /// Whether there is a file or folder at `path`.
  static boolean exists(String path) {
    String absolute = FileStores.absolute(path);
    try {
      return FileStores.forPath(absolute).exists(absolute);
    } catch (IOException e) {
      throw new DataException(
          "it cannot be told whether "
              + absolute
              + " exists ("
              + e
              + "); check the path and its permissions",
          e);
    }
  }

  /// SHA-256 of `bytes` in hex.
  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
