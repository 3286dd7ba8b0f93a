package dev.bellows.parallelism.aeron;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A ring of bytes in shared memory from one rank to another on the same host: payloads lie here, and only their headers go through Aeron.
///
/// Aeron's media driver writes zeros over every byte of an IPC stream once it is read, and a stream goes round three terms, more than a
/// processor's cache holds. A ring has neither: it stays in the cache, and its reader gives room back by itself. Positions count all bytes ever
/// claimed, gaps at the end of the ring included; the reader's position lies in the first bytes of the file. What the writer stores before it publishes the header
/// in Aeron the reader sees after it has taken the header there. One writer and one reader, each one thread at a time.
final class SharedRing implements AutoCloseable {
  /// Bytes of a ring: some chunks of the largest size.
  static final int BYTES = 1 << 20;

  private static final int LINE = 64;
  private static final int HEADER_BYTES = 4_096;

  /// Bytes of its file.
  static final long FILE_BYTES = HEADER_BYTES + BYTES;

  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment file;

  /// The ring proper as a part of the whole address space, like all memory that chunks lie in here: one kind of segment keeps the loops over it
  /// fast.
  private final MemorySegment bytes;

  private long written;
  private long knownRead;

  private SharedRing(Path path, StandardOpenOption... options) {
    try (FileChannel channel = FileChannel.open(path, options)) {
      file = channel.map(FileChannel.MapMode.READ_WRITE, 0, FILE_BYTES, arena);
    } catch (IOException e) {
      throw new UncheckedIOException("the shared memory ring " + path + " cannot be mapped", e);
    }
    bytes = MemorySegment.ofAddress(file.address() + HEADER_BYTES).reinterpret(BYTES);
  }

  /// A new one for its writer, every page touched.
  static SharedRing create(Path path) {
    SharedRing ring =
        new SharedRing(
            path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    ring.file.fill((byte) 0);
    return ring;
  }

  /// The one that the writer has made, for its reader.
  static SharedRing open(Path path) {
    return new SharedRing(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  /// Where all payloads lie.
  MemorySegment bytes() {
    return bytes;
  }

  /// The position of room for `length` bytes in one piece, or -1 when the reader has to give some back first. Claims nothing before [#publish].
  long room(long length) {
    long at = written % BYTES;
    long position = at + length > BYTES ? written + BYTES - at : written;
    if (position + length - knownRead > BYTES) {
      knownRead = (long) LONG.getAcquire(file, 0L);
      if (position + length - knownRead > BYTES) {
        return -1;
      }
    }
    return position;
  }

  /// Takes the room that [#room] found.
  void publish(long position, long length) {
    written = end(position, length);
  }

  /// Gives the room of a payload, and all before it, back to the writer.
  void release(long position, long length) {
    LONG.setRelease(file, 0L, end(position, length));
  }

  /// Where in [#bytes] `position` is.
  static long offset(long position) {
    return position % BYTES;
  }

  /// The next payload begins at a cache line.
  private static long end(long position, long length) {
    return position + (length + LINE - 1) / LINE * LINE;
  }

  @Override
  public void close() {
    arena.close();
  }
}
