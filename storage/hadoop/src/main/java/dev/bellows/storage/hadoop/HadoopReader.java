package dev.bellows.storage.hadoop;

import dev.bellows.storage.FileStore;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.apache.hadoop.fs.FSDataInputStream;

/// Reads ranges of one file of a [HadoopFileStore] by positioned reads. Threads: any.
///
/// @param length as it was when the file was opened
record HadoopReader(HadoopFileStore store, String path, FSDataInputStream stream, long length)
    implements FileStore.Reader {
  private static final int BUFFER = 4 << 20;

  @Override
  public void read(long offset, MemorySegment target) throws IOException {
    long size = target.byteSize();
    if (offset < 0 || offset > length || size > length - offset) {
      throw new EOFException(
          path + ": " + size + " bytes wanted at " + offset + ", the file has " + length);
    }
    store.run(
        path,
        () -> {
          byte[] buffer = new byte[(int) Math.min(BUFFER, size)];
          for (long at = 0; at < size; at += buffer.length) {
            int count = (int) Math.min(buffer.length, size - at);
            stream.readFully(offset + at, buffer, 0, count);
            MemorySegment.copy(
                buffer, 0, target.asSlice(at, count), ValueLayout.JAVA_BYTE, 0, count);
          }
          return null;
        });
  }

  @Override
  public void close() throws IOException {
    store.run(
        path,
        () -> {
          stream.close();
          return null;
        });
  }
}
