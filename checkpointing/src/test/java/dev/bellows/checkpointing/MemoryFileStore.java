package dev.bellows.checkpointing;

import dev.bellows.storage.FileStore;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/// A file store in memory, for tests that damage thousands of checkpoints; folders are only the prefixes of its files.
class MemoryFileStore implements FileStore {
  final TreeMap<String, byte[]> files = new TreeMap<>();

  @Override
  public synchronized Writer create(String path, boolean overwrite) throws IOException {
    if (!overwrite && files.containsKey(path)) {
      throw new FileAlreadyExistsException(path);
    }
    files.put(path, new byte[0]);
    return new MemoryWriter(path);
  }

  @Override
  public synchronized Writer append(String path) throws IOException {
    if (!files.containsKey(path)) {
      throw new NoSuchFileException(path);
    }
    return new MemoryWriter(path);
  }

  private final class MemoryWriter implements Writer {
    private final String path;

    MemoryWriter(String path) {
      this.path = path;
    }

    @Override
    public void write(MemorySegment bytes) {
      synchronized (MemoryFileStore.this) {
        byte[] old = files.get(path);
        byte[] all = Arrays.copyOf(old, old.length + (int) bytes.byteSize());
        MemorySegment.copy(bytes, 0, MemorySegment.ofArray(all), old.length, bytes.byteSize());
        files.put(path, all);
      }
    }

    @Override
    public void sync() {}

    @Override
    public void close() {}
  }

  @Override
  public synchronized Reader open(String path) throws IOException {
    byte[] bytes = files.get(path);
    if (bytes == null) {
      throw new NoSuchFileException(path);
    }
    return new Reader() {
      @Override
      public long length() {
        return bytes.length;
      }

      @Override
      public void read(long offset, MemorySegment target) throws IOException {
        if (offset < 0 || target.byteSize() > bytes.length - offset) {
          throw new EOFException(path);
        }
        MemorySegment.copy(
            bytes, (int) offset, target, ValueLayout.JAVA_BYTE, 0, (int) target.byteSize());
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public synchronized boolean exists(String path) {
    return files.containsKey(path)
        || files.keySet().stream().anyMatch(file -> file.startsWith(path + "/"));
  }

  @Override
  public synchronized List<Entry> list(String folder) {
    TreeMap<String, Entry> entries = new TreeMap<>();
    files.forEach(
        (path, bytes) -> {
          if (path.startsWith(folder + "/")) {
            String rest = path.substring(folder.length() + 1);
            int slash = rest.indexOf('/');
            String name = slash < 0 ? rest : rest.substring(0, slash);
            entries.put(
                name, new Entry(folder + "/" + name, slash < 0 ? bytes.length : 0, slash >= 0));
          }
        });
    return new ArrayList<>(entries.values());
  }

  @Override
  public void createFolders(String folder) {}

  @Override
  public synchronized void replace(String from, String to) throws IOException {
    byte[] bytes = files.remove(from);
    if (bytes == null) {
      throw new NoSuchFileException(from);
    }
    files.put(to, bytes);
  }

  @Override
  public synchronized void delete(String path) {
    files.remove(path);
    files.keySet().removeIf(file -> file.startsWith(path + "/"));
  }

  @Override
  public long usableBytes(String folder) {
    return Long.MAX_VALUE;
  }
}
