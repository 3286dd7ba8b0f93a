package dev.bellows.storage.hadoop;

import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.StreamCapabilities;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes one file of a [HadoopFileStore]. Threads: one at a time.
final class HadoopWriter implements FileStore.Writer {
  private static final Logger LOG = LoggerFactory.getLogger(HadoopWriter.class);
  private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();
  private static final int BUFFER = 1 << 20;

  private final HadoopFileStore store;
  private final String path;
  private final FSDataOutputStream stream;
  private final byte[] buffer = new byte[BUFFER];
  private final boolean syncs;
  private boolean failed;
  private boolean closed;

  HadoopWriter(HadoopFileStore store, String path, FSDataOutputStream stream) {
    this.store = store;
    this.path = path;
    this.stream = stream;
    this.syncs = stream.hasCapability(StreamCapabilities.HSYNC);
    if (!syncs && WARNED.add(store.name())) {
      LOG.warn("{} has no hsync: a file there is durable only when it is closed", store.name());
    }
  }

  @Override
  public void write(MemorySegment bytes) throws IOException {
    guarded(
        () -> {
          for (long at = 0; at < bytes.byteSize(); at += BUFFER) {
            int count = (int) Math.min(BUFFER, bytes.byteSize() - at);
            MemorySegment.copy(
                bytes.asSlice(at, count), ValueLayout.JAVA_BYTE, 0, buffer, 0, count);
            stream.write(buffer, 0, count);
          }
        });
  }

  @Override
  public void sync() throws IOException {
    guarded(
        () -> {
          if (syncs) {
            stream.hsync();
          } else {
            stream.flush();
          }
        });
  }

  /// Closes the stream once. After a failed write the stream's own close throws that same failure again, which inside
  /// try-with-resources becomes "Self-suppression not permitted" and hides the cause; so it is not thrown a second time.
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    boolean reported = failed;
    try {
      guarded(stream::close);
    } catch (IOException e) {
      if (!reported) {
        throw e;
      }
      LOG.debug("{}: closing after a failed write failed too", path, e);
    }
  }

  private interface Action {
    void run() throws IOException;
  }

  private void guarded(Action action) throws IOException {
    boolean done = false;
    try {
      store.run(
          path,
          () -> {
            action.run();
            return null;
          });
      done = true;
    } finally {
      failed |= !done;
    }
  }
}
