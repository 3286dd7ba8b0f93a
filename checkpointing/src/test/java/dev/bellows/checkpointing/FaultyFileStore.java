package dev.bellows.checkpointing;

import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Fails the n-th operation that changes something, as a full disk does: that one only, or from there on. Deleting always works.
final class FaultyFileStore implements FileStore {
  private final FileStore store;
  private final int failAt;
  private final boolean forGood;
  private final long usable;
  private int operations;

  FaultyFileStore(FileStore store, int failAt, boolean forGood, long usable) {
    this.store = store;
    this.failAt = failAt;
    this.forGood = forGood;
    this.usable = usable;
  }

  /// Whether the fault came to pass.
  boolean fired() {
    return operations >= failAt;
  }

  private void step(String path) throws IOException {
    operations++;
    if (operations == failAt || forGood && operations > failAt) {
      throw new IOException(path + ": No space left on device");
    }
  }

  @Override
  public Writer create(String path, boolean overwrite) throws IOException {
    step(path);
    return faulty(path, store.create(path, overwrite));
  }

  @Override
  public Writer append(String path) throws IOException {
    step(path);
    return faulty(path, store.append(path));
  }

  private Writer faulty(String path, Writer writer) {
    return new Writer() {
      @Override
      public void write(MemorySegment bytes) throws IOException {
        step(path);
        writer.write(bytes);
      }

      @Override
      public void sync() throws IOException {
        step(path);
        writer.sync();
      }

      @Override
      public void close() throws IOException {
        writer.close();
        step(path);
      }
    };
  }

  @Override
  public Reader open(String path) throws IOException {
    return store.open(path);
  }

  @Override
  public boolean exists(String path) throws IOException {
    return store.exists(path);
  }

  @Override
  public List<Entry> list(String folder) throws IOException {
    return store.list(folder);
  }

  @Override
  public void createFolders(String folder) throws IOException {
    store.createFolders(folder);
  }

  /// Fails once before and once after the file has its new name.
  @Override
  public void replace(String from, String to) throws IOException {
    step(to);
    store.replace(from, to);
    step(to);
  }

  @Override
  public void delete(String path) throws IOException {
    store.delete(path);
  }

  @Override
  public long usableBytes(String folder) {
    return usable;
  }
}
