package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Turns the parts of a save into a checkpoint: checks that they are there, belong together and cover each element of each tensor exactly
/// once, then publishes the manifest. Before, there is no checkpoint; after, it is complete and durable.
public final class CheckpointCommit {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointCommit.class);

  /// The right to commit, asked for at the last moment.
  @FunctionalInterface
  public interface Lease {
    /// Returns if the committer still may; otherwise throws an [IOException] that says who may.
    void check() throws IOException;
  }

  private CheckpointCommit() {}

  /// [#commit(FileStore, String, ManifestContent, List, Lease)] without a lease.
  public static Manifest commit(
      FileStore store, String folder, ManifestContent content, List<PartReport> reports)
      throws CheckpointException {
    return commit(store, folder, content, reports, () -> {});
  }

  /// Commits the checkpoint in `folder`. The hint `LATEST` beside the folder is renewed too, if that is possible.
  /// Errors: [CheckpointException] of kind SAVE_FAILED; then there is no manifest, and the parts are left for
  /// [CheckpointCatalog#discard].
  public static Manifest commit(
      FileStore store,
      String folder,
      ManifestContent content,
      List<PartReport> reports,
      Lease lease)
      throws CheckpointException {
    Manifest manifest;
    try {
      byte[] bytes = check(store, folder, content, reports).toBytes();
      // what could not be read back must not be published
      manifest = Manifest.parse(folder, bytes);
      publish(store, folder, content.saveId(), bytes, lease);
    } catch (CheckpointException e) {
      throw e.kind() == Kind.SAVE_FAILED
          ? e
          : new CheckpointException(Kind.SAVE_FAILED, folder, e.problem(), e);
    } catch (IOException | RuntimeException e) {
      throw refused(folder, Format.MANIFEST, "the commit failed: " + e.getMessage(), e);
    }
    hint(store, folder);
    return manifest;
  }

  private static CheckpointException refused(
      String folder, String file, String message, Throwable cause) {
    return new CheckpointException(Kind.SAVE_FAILED, folder, Problem.of(file, message), cause);
  }

  private static Manifest check(
      FileStore store, String folder, ManifestContent content, List<PartReport> reports)
      throws IOException {
    Map<String, Long> lengths = lengths(store, folder);
    if (lengths.containsKey(Format.MANIFEST)) {
      throw refused(
          folder,
          Format.MANIFEST,
          "is already there; a committed checkpoint is never changed",
          null);
    }
    Map<String, LogicalTensor> tensors = SavePlan.byName(content.tensors());
    Map<String, Manifest.Part> parts = new HashMap<>();
    List<Manifest.Part> list = new ArrayList<>();
    List<Block> blocks = new ArrayList<>();
    for (PartReport report : reports) {
      if (!report.saveId().equals(content.saveId())) {
        throw refused(
            folder,
            report.file(),
            "belongs to save " + report.saveId() + ", not to " + content.saveId(),
            null);
      }
      Manifest.Part part =
          new Manifest.Part(
              report.file(), report.length(), report.indexLength(), report.indexSha256());
      if (parts.put(part.file(), part) != null) {
        throw refused(folder, part.file(), "was reported twice", null);
      }
      list.add(part);
      PartIndex index =
          CheckpointFiles.index(store, folder, part, content.saveId(), tensors, lengths);
      index.pieces().forEach(piece -> blocks.add(piece.block()));
    }
    Optional<Problem> problem = SavePlan.check(tensors, blocks);
    if (problem.isPresent()) {
      throw new CheckpointException(Kind.SAVE_FAILED, folder, problem.get());
    }
    return new Manifest(
        content, Instant.now().truncatedTo(ChronoUnit.MILLIS).toString(), List.copyOf(list), "");
  }

  static Map<String, Long> lengths(FileStore store, String folder) throws IOException {
    Map<String, Long> lengths = new HashMap<>();
    for (FileStore.Entry entry : store.list(folder)) {
      if (!entry.folder()) {
        lengths.put(entry.name(), entry.length());
      }
    }
    return lengths;
  }

  private static void publish(
      FileStore store, String folder, String saveId, byte[] bytes, Lease lease) throws IOException {
    String path = FileStores.resolve(folder, Format.MANIFEST);
    String temporary = path + ".tmp-" + saveId;
    boolean replacing = false;
    try {
      try (FileStore.Writer writer = store.create(temporary, true)) {
        writer.write(MemorySegment.ofArray(bytes));
        writer.sync();
      }
      lease.check();
      replacing = true;
      store.replace(temporary, path);
    } catch (IOException | RuntimeException e) {
      // a replace that fails half way may have made the name; it must not outlive the exception
      undo(store, temporary, e);
      if (replacing) {
        undo(store, path, e);
      }
      throw e;
    }
  }

  private static void undo(FileStore store, String path, Exception reason) {
    try {
      store.delete(path);
    } catch (IOException | RuntimeException e) {
      reason.addSuppressed(e);
    }
  }

  private static void hint(FileStore store, String folder) {
    int slash = folder.lastIndexOf('/');
    try {
      String latest = FileStores.resolve(folder.substring(0, slash), Format.LATEST);
      store.publish(latest, (folder.substring(slash + 1) + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException | RuntimeException e) {
      LOG.warn(
          "the checkpoint {} is committed, but the hint {} was not renewed: {}",
          folder,
          Format.LATEST,
          e.getMessage());
    }
  }
}
