package dev.bellows.trainer;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/// The files of one run: `config.yaml`, `metrics.jsonl`, `checkpoints/`, `logs/`, and the nonce by which a host proves that it sees the
/// same folder as the driver. Thread-safe.
public final class RunFolder {
  private final FileStore store;
  private final String path;

  private RunFolder(FileStore store, String path) {
    this.store = store;
    this.path = path;
  }

  /// The run folder at `path`. Errors: [BellowsException] STORAGE when its file system is unknown.
  public static RunFolder of(String path) {
    try {
      return new RunFolder(FileStores.forPath(path), FileStores.absolute(path));
    } catch (IOException e) {
      throw new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
    }
  }

  /// The file system that holds the folder.
  public FileStore store() {
    return store;
  }

  /// Absolute path.
  public String path() {
    return path;
  }

  /// The resolved configuration's file.
  public String config() {
    return path + "/config.yaml";
  }

  /// The metrics' file, one JSON object a line.
  public String metrics() {
    return path + "/metrics.jsonl";
  }

  /// The checkpoints' folder.
  public String checkpoints() {
    return path + "/checkpoints";
  }

  /// The log file of `rank` in `generation`.
  public String log(int generation, int rank) {
    return path + "/logs/worker-g" + generation + "-r" + rank + ".log";
  }

  private String nonce() {
    return path + "/nonce";
  }

  /// Publishes this attempt's nonce. Errors: [BellowsException] STORAGE when the folder cannot be written.
  public void writeNonce(String value) {
    try {
      store.publish(nonce(), value.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new BellowsException(
          ErrorCategory.STORAGE,
          "the run folder "
              + path
              + " cannot be written: "
              + e.getMessage()
              + "; give run.folder where this user may write",
          e);
    }
  }

  /// The nonce as this host sees it, or why it sees none.
  public String readNonce() {
    try {
      return store.readText(nonce());
    } catch (IOException e) {
      return "it cannot read " + nonce();
    }
  }
}
