package dev.bellows.storage.hadoop;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.apache.hadoop.ipc.RemoteException;

/// Turns Hadoop's exceptions into those that [dev.bellows.storage.FileStore] promises.
final class StoreErrors {
  private StoreErrors() {}

  static IOException translate(String path, IOException error) {
    IOException e =
        error instanceof RemoteException remote ? remote.unwrapRemoteException() : error;
    if (e instanceof FileSystemException || e instanceof EOFException) {
      return e;
    }
    if (e instanceof FileNotFoundException) {
      return because(new NoSuchFileException(path), e);
    }
    if (e instanceof org.apache.hadoop.fs.FileAlreadyExistsException) {
      return because(new FileAlreadyExistsException(path, null, firstLine(e)), e);
    }
    String message = firstLine(e);
    return message.startsWith(path + ": ") ? e : new IOException(path + ": " + message, e);
  }

  private static IOException because(IOException e, Throwable cause) {
    e.initCause(cause);
    return e;
  }

  /// Remote messages carry the server's stack behind the first line.
  static String firstLine(Throwable e) {
    String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return message.lines().findFirst().orElse(e.getClass().getSimpleName());
  }
}
