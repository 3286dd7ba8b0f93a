package dev.bellows.storage.hadoop;

import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.reflect.UndeclaredThrowableException;
import java.net.URI;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.client.HdfsDataInputStream;
import org.apache.hadoop.security.UserGroupInformation;

/// A [FileStore] over one Hadoop file system.
///
/// Files are opened with SYNC_BLOCK, so that a [FileStore.Writer#sync] also covers the blocks that were finished before it. Where a
/// file system has no hsync (object stores) a file is durable when it is closed, and a warning says so once.
/// Threads: any; each call runs as the user that opened the store, since new threads do not inherit the login subject on Java 24 and
/// later.
final class HadoopFileStore implements FileStore {
  private final String prefix;
  private final Configuration configuration;
  private final FileSystem files;
  private final FileContext context;
  private final UserGroupInformation user;

  private HadoopFileStore(
      String prefix,
      Configuration configuration,
      FileSystem files,
      FileContext context,
      UserGroupInformation user) {
    this.prefix = prefix;
    this.configuration = configuration;
    this.files = files;
    this.context = context;
    this.user = user;
  }

  /// Opens the file system of `uri` as `user`.
  ///
  /// @param prefix what stands before the scheme in this store's own paths; may be empty
  static HadoopFileStore open(
      String prefix, URI uri, Configuration configuration, UserGroupInformation user)
      throws IOException {
    ClientSettings.apply(configuration);
    return as(
        user,
        uri.toString(),
        () -> {
          // A new instance: a cached one may have been opened by Spark with other timeouts.
          FileSystem files = FileSystem.newInstance(uri, configuration);
          if (files instanceof LocalFileSystem local) {
            // its checksum layer ignores hflush and hsync
            files = local.getRawFileSystem();
          }
          return new HadoopFileStore(
              prefix, configuration, files, FileContext.getFileContext(uri, configuration), user);
        });
  }

  @Override
  public Writer create(String path, boolean overwrite) throws IOException {
    Path file = path(path);
    EnumSet<CreateFlag> flags = EnumSet.of(CreateFlag.CREATE, CreateFlag.SYNC_BLOCK);
    if (overwrite) {
      flags.add(CreateFlag.OVERWRITE);
    }
    FsPermission permission =
        FsPermission.getFileDefault().applyUMask(FsPermission.getUMask(configuration));
    int bufferSize = configuration.getInt("io.file.buffer.size", 4096);
    FSDataOutputStream stream =
        run(
            path,
            () ->
                files.create(
                    file,
                    permission,
                    flags,
                    bufferSize,
                    files.getDefaultReplication(file),
                    files.getDefaultBlockSize(file),
                    null));
    return new HadoopWriter(this, path, stream);
  }

  @Override
  public Writer append(String path) throws IOException {
    return new HadoopWriter(this, path, run(path, () -> files.append(path(path))));
  }

  @Override
  public Reader open(String path) throws IOException {
    Path file = path(path);
    return run(
        path,
        () -> {
          FileStatus status = files.getFileStatus(file);
          if (status.isDirectory()) {
            throw new FileSystemException(path, null, "is a folder, not a file");
          }
          return reader(path, file, status);
        });
  }

  /// Opens the file and finds the length of that very file: another one may take its place between two calls.
  private HadoopReader reader(String path, Path file, FileStatus before) throws IOException {
    for (int attempt = 0; attempt < 100; attempt++) {
      FSDataInputStream stream = files.open(file);
      if (stream instanceof HdfsDataInputStream hdfs) {
        return new HadoopReader(this, path, stream, hdfs.getVisibleLength());
      }
      FileStatus after = files.getFileStatus(file);
      if (after.getLen() == before.getLen()
          && after.getModificationTime() == before.getModificationTime()) {
        return new HadoopReader(this, path, stream, after.getLen());
      }
      stream.close();
      before = after;
    }
    throw new IOException(path + ": the file is being replaced all the time");
  }

  @Override
  public boolean exists(String path) throws IOException {
    return run(path, () -> files.exists(path(path)));
  }

  @Override
  public List<Entry> list(String folder) throws IOException {
    return run(folder, () -> entries(folder));
  }

  private List<Entry> entries(String folder) throws IOException {
    Optional<FileStatus> status = status(path(folder));
    if (status.isEmpty()) {
      return List.of();
    }
    if (!status.get().isDirectory()) {
      throw new NotDirectoryException(folder);
    }
    List<Entry> entries = new ArrayList<>();
    String base = folder.endsWith("/") ? folder : folder + "/";
    for (FileStatus child : files.listStatus(path(folder))) {
      String name = child.getPath().getName();
      entries.add(
          new Entry(base + name, child.isDirectory() ? 0 : child.getLen(), child.isDirectory()));
    }
    entries.sort(Comparator.comparing(Entry::name));
    return List.copyOf(entries);
  }

  private Optional<FileStatus> status(Path path) throws IOException {
    try {
      return Optional.of(files.getFileStatus(path));
    } catch (java.io.FileNotFoundException e) {
      return Optional.empty();
    }
  }

  @Override
  public void createFolders(String folder) throws IOException {
    run(
        folder,
        () -> {
          if (!files.mkdirs(path(folder))) {
            throw new IOException("the folder could not be created");
          }
          return null;
        });
  }

  @Override
  public void replace(String from, String to) throws IOException {
    run(
        to,
        () -> {
          if (status(path(from)).isEmpty()) {
            throw new NoSuchFileException(from);
          }
          if (status(path(to)).filter(FileStatus::isDirectory).isPresent()) {
            throw new FileSystemException(to, from, "is a folder; only a file can be replaced");
          }
          if (files instanceof RawLocalFileSystem) {
            // its rename replaces as POSIX does; its FileContext would delete first, and readers
            // would find no file
            if (!files.rename(path(from), path(to))) {
              throw new IOException("could not be renamed to from " + from);
            }
            return null;
          }
          // FileSystem.rename onto an existing file returns false on HDFS, or moves into an
          // existing folder.
          context.rename(path(from), path(to), Options.Rename.OVERWRITE);
          return null;
        });
  }

  @Override
  public void delete(String path) throws IOException {
    Path target = path(path);
    if (target.isRoot()) {
      throw new IOException(path + ": refusing to delete the root of the file system");
    }
    run(
        path,
        () -> {
          if (!files.delete(target, true) && files.exists(target)) {
            throw new IOException("could not be deleted");
          }
          return null;
        });
  }

  /// {@inheritDoc} What the file system has left is divided by its default replication.
  @Override
  public long usableBytes(String folder) throws IOException {
    return run(
        folder,
        () -> {
          Path path = path(folder);
          while (!path.isRoot() && !files.exists(path)) {
            path = path.getParent();
          }
          long remaining = files.getStatus(path).getRemaining();
          return remaining == Long.MAX_VALUE
              ? remaining
              : remaining / Math.max(1, files.getDefaultReplication(path));
        });
  }

  private Path path(String path) throws IOException {
    if (!path.startsWith(prefix) || path.indexOf(':') < 0) {
      throw new IOException(
          path + ": this store takes absolute paths of " + prefix + files.getUri());
    }
    return new Path(path.substring(prefix.length()));
  }

  String name() {
    return prefix + files.getUri();
  }

  /// Runs `action` as the user of this store and gives its errors the path and the types of the SPI.
  <T> T run(String path, PrivilegedExceptionAction<T> action) throws IOException {
    return as(user, path, action);
  }

  private static <T> T as(
      UserGroupInformation user, String path, PrivilegedExceptionAction<T> action)
      throws IOException {
    try {
      return user.doAs(action);
    } catch (IOException e) {
      throw StoreErrors.translate(path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException(path + ": interrupted").initCause(e);
    } catch (UndeclaredThrowableException e) {
      throw StoreErrors.translate(path, new IOException(e.getCause()));
    } catch (UnsupportedOperationException | IllegalArgumentException e) {
      throw StoreErrors.translate(path, new IOException(e));
    }
  }
}
