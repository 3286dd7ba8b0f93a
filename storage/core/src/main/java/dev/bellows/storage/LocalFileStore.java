package dev.bellows.storage;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// The [FileStore] of the local file system, over NIO. Paths are absolute and plain (`/a/b`).
///
/// A [FileStore.Writer#sync] forces the file and the folder that names it; [#replace] is an atomic move followed by a force of the
/// folder. Shared network mounts (NFS) go through here too.
/// Threads: any. An interrupt during a read or write closes that file's channel, as with every [FileChannel].
public final class LocalFileStore implements FileStore {
  /// Transfers are cut to this size: NIO copies heap memory through a direct buffer as large as the transfer and keeps it.
  private static final long TRANSFER = 4L << 20;

  @Override
  public Writer create(String path, boolean overwrite) throws IOException {
    Path file = path(path);
    OpenOption[] options =
        overwrite
            ? new OpenOption[] {
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE
            }
            : new OpenOption[] {StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE};
    return named(
        path,
        () -> {
          createFolders(file.getParent().toString());
          return new LocalWriter(file, FileChannel.open(file, options));
        });
  }

  @Override
  public Writer append(String path) throws IOException {
    Path file = path(path);
    return named(
        path,
        () ->
            new LocalWriter(
                file, FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.APPEND)));
  }

  @Override
  public Reader open(String path) throws IOException {
    Path file = path(path);
    return named(
        path,
        () -> {
          if (Files.isDirectory(file)) {
            throw new FileSystemException(path, null, "is a folder, not a file");
          }
          FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
          try {
            return new LocalReader(path, channel, channel.size());
          } catch (IOException e) {
            channel.close();
            throw e;
          }
        });
  }

  @Override
  public boolean exists(String path) throws IOException {
    return Files.exists(path(path));
  }

  @Override
  public List<Entry> list(String folder) throws IOException {
    Path path = path(folder);
    if (Files.isRegularFile(path)) {
      throw new NotDirectoryException(folder);
    }
    List<Entry> entries = new ArrayList<>();
    try (Stream<Path> children = Files.list(path)) {
      for (Path child : (Iterable<Path>) children::iterator) {
        entry(child, entries);
      }
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (UncheckedIOException e) {
      throw naming(folder, e.getCause());
    } catch (IOException e) {
      throw naming(folder, e);
    }
    entries.sort(Comparator.comparing(Entry::name));
    return List.copyOf(entries);
  }

  /// Adds `child` unless another process deleted it since the folder was read.
  private static void entry(Path child, List<Entry> entries) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(child, BasicFileAttributes.class);
      boolean isFolder = attributes.isDirectory();
      entries.add(new Entry(child.toString(), isFolder ? 0 : attributes.size(), isFolder));
    } catch (NoSuchFileException e) {
      // gone, or a link to nowhere: not an entry that could be opened
    }
  }

  @Override
  public void createFolders(String folder) throws IOException {
    createFolder(path(folder));
  }

  private static void createFolder(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      return;
    }
    Path parent = folder.getParent();
    if (parent != null) {
      createFolder(parent);
    }
    try {
      Files.createDirectory(folder);
      force(parent);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder)) {
        throw new FileAlreadyExistsException(
            folder.toString(), null, "a file is where a folder should be");
      }
    } catch (IOException e) {
      throw naming(folder.toString(), e);
    }
  }

  @Override
  public void replace(String from, String to) throws IOException {
    Path target = path(to);
    if (Files.isDirectory(target)) {
      // the atomic move would silently take the place of an empty folder
      throw new FileAlreadyExistsException(to, from, "is a folder; only a file can be replaced");
    }
    named(
        to,
        () -> {
          Files.move(path(from), target, StandardCopyOption.ATOMIC_MOVE);
          force(target.getParent());
          return null;
        });
  }

  @Override
  public void delete(String path) throws IOException {
    Path root = path(path);
    if (root.getParent() == null) {
      throw new IOException(path + ": refusing to delete the root of the file system");
    }
    named(
        path,
        () -> {
          Files.walkFileTree(root, new Deleter());
          return null;
        });
  }

  @Override
  public long usableBytes(String folder) throws IOException {
    Path path = path(folder);
    while (!Files.exists(path)) {
      path = path.getParent();
    }
    return Files.getFileStore(path).getUsableSpace();
  }

  private static Path path(String path) throws IOException {
    Path result = Path.of(path);
    if (!result.isAbsolute()) {
      throw new IOException(path + ": a local store takes absolute paths");
    }
    return result.normalize();
  }

  /// Forces a folder, so that the names in it survive a power loss.
  private static void force(Path folder) throws IOException {
    if (folder != null) {
      try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  private interface Action<T> {
    T run() throws IOException;
  }

  private static <T> T named(String path, Action<T> action) throws IOException {
    try {
      return action.run();
    } catch (IOException e) {
      throw naming(path, e);
    }
  }

  /// NIO names the path when opening but not when writing ("No space left on device").
  private static IOException naming(String path, IOException e) {
    String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return message.contains(path) || e instanceof FileSystemException
        ? e
        : new IOException(path + ": " + message, e);
  }

  /// Bytes `from` to `from + length` of a segment as a buffer, if NIO can use it without an extra copy of ours.
  private static ByteBuffer buffer(MemorySegment segment, long from, long length) {
    return segment.asSlice(from, length).asByteBuffer();
  }

  private static boolean needsCopy(MemorySegment segment) {
    return segment.heapBase().filter(base -> !(base instanceof byte[])).isPresent();
  }

  private static final class LocalWriter implements Writer {
    private final Path file;
    private final FileChannel channel;
    private boolean folderForced;

    LocalWriter(Path file, FileChannel channel) {
      this.file = file;
      this.channel = channel;
    }

    @Override
    public void write(MemorySegment bytes) throws IOException {
      try {
        boolean copy = needsCopy(bytes);
        for (long at = 0; at < bytes.byteSize(); at += TRANSFER) {
          long count = Math.min(TRANSFER, bytes.byteSize() - at);
          ByteBuffer buffer =
              copy
                  ? ByteBuffer.wrap(bytes.asSlice(at, count).toArray(ValueLayout.JAVA_BYTE))
                  : buffer(bytes, at, count);
          while (buffer.hasRemaining()) {
            channel.write(buffer);
          }
        }
      } catch (IOException e) {
        throw naming(file.toString(), e);
      }
    }

    @Override
    public void sync() throws IOException {
      try {
        channel.force(true);
        if (!folderForced) {
          force(file.getParent());
          folderForced = true;
        }
      } catch (IOException e) {
        throw naming(file.toString(), e);
      }
    }

    @Override
    public void close() throws IOException {
      try {
        channel.close();
      } catch (IOException e) {
        throw naming(file.toString(), e);
      }
    }
  }

  private record LocalReader(String path, FileChannel channel, long length) implements Reader {
    @Override
    public void read(long offset, MemorySegment target) throws IOException {
      if (offset < 0 || offset > length || target.byteSize() > length - offset) {
        throw new EOFException(
            path
                + ": "
                + target.byteSize()
                + " bytes wanted at "
                + offset
                + ", the file has "
                + length);
      }
      try {
        boolean copy = needsCopy(target);
        for (long at = 0; at < target.byteSize(); at += TRANSFER) {
          long count = Math.min(TRANSFER, target.byteSize() - at);
          ByteBuffer buffer = copy ? ByteBuffer.allocate((int) count) : buffer(target, at, count);
          fill(buffer, offset + at);
          if (copy) {
            target.asSlice(at, count).copyFrom(MemorySegment.ofArray(buffer.array()));
          }
        }
      } catch (IOException e) {
        throw naming(path, e);
      }
    }

    private void fill(ByteBuffer buffer, long offset) throws IOException {
      while (buffer.hasRemaining()) {
        int count = channel.read(buffer, offset);
        if (count < 0) {
          throw new EOFException(
              path
                  + ": the file ends at byte "
                  + offset
                  + "; it was "
                  + length
                  + " bytes long when opened");
        }
        offset += count;
      }
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /// Deletes what is there and does not mind what another process deletes at the same time.
  private static final class Deleter extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (e instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE;
      }
      throw e;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, IOException e) throws IOException {
      if (e != null) {
        throw e;
      }
      Files.deleteIfExists(folder);
      return FileVisitResult.CONTINUE;
    }
  }
}
