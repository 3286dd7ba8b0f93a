package dev.bellows.checkpointing;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The checkpoints of one run: folders `step-00000100` below `<run>/checkpoints`. A step exists when its manifest does.
/// Threads: any; of those that change something only one process at a time, the run's coordinator.
public final class CheckpointCatalog {
  private static final Pattern STEP = Pattern.compile("step-(\\d{8,18})");

  /// How much of a checkpoint is looked at.
  public enum Depth {
    /// Manifest, indexes, file lengths, coverage: a few small files.
    STRUCTURE,
    /// Every byte.
    EVERY_BYTE
  }

  /// A newer checkpoint that was passed over.
  ///
  /// @param step its step
  /// @param problems what is wrong with it
  public record Refused(long step, List<Problem> problems) {}

  /// The newest checkpoint that can be trusted.
  ///
  /// @param step its step, empty when no checkpoint can be trusted
  /// @param refused the newer ones and why not, newest first
  public record Selection(Optional<Long> step, List<Refused> refused) {}

  private final FileStore store;
  private final String root;

  /// The checkpoints of the run in `runFolder`; nothing is touched yet.
  public CheckpointCatalog(FileStore store, String runFolder) {
    this.store = store;
    this.root = FileStores.resolve(runFolder, "checkpoints");
  }

  /// Folder of the checkpoint of `step`, whether it exists or not.
  public String folder(long step) {
    return FileStores.resolve(root, "step-%08d".formatted(step));
  }

  /// Committed steps, newest first, whether valid or not.
  public List<Long> steps() throws IOException {
    List<Long> steps = new ArrayList<>();
    for (long step : folders()) {
      if (store.exists(FileStores.resolve(folder(step), Format.MANIFEST))) {
        steps.add(step);
      }
    }
    return steps;
  }

  private List<Long> folders() throws IOException {
    List<Long> steps = new ArrayList<>();
    for (FileStore.Entry entry : store.list(root)) {
      Matcher matcher = STEP.matcher(entry.name());
      if (entry.folder()
          && matcher.matches()
          && folder(Long.parseLong(matcher.group(1))).endsWith("/" + entry.name())) {
        steps.add(Long.parseLong(matcher.group(1)));
      }
    }
    steps.sort(Comparator.reverseOrder());
    return steps;
  }

  /// The newest checkpoint without problems, and the problems of those that are newer.
  public Selection newestValid(Depth depth) throws IOException {
    List<Refused> refused = new ArrayList<>();
    for (long step : steps()) {
      List<Problem> problems = problems(step, depth);
      if (problems.isEmpty()) {
        return new Selection(Optional.of(step), List.copyOf(refused));
      }
      refused.add(new Refused(step, problems));
    }
    return new Selection(Optional.empty(), List.copyOf(refused));
  }

  private List<Problem> problems(long step, Depth depth) {
    if (depth == Depth.EVERY_BYTE) {
      return CheckpointVerifier.verify(store, folder(step)).problems();
    }
    try {
      CheckpointReader.open(store, folder(step)).close();
      return List.of();
    } catch (CheckpointException e) {
      return List.of(e.problem());
    } catch (IOException e) {
      return List.of(Problem.of(Format.MANIFEST, "cannot be read: " + e.getMessage()));
    }
  }

  /// Makes an empty folder for a save of `step` and returns its path. Whatever is there goes, the manifest first; the caller has decided to
  /// write that step anew.
  public String begin(long step) throws IOException {
    discard(step);
    store.createFolders(folder(step));
    return folder(step);
  }

  /// Deletes the checkpoint of `step`, or what a failed save left of it: the manifest first, so that no half-deleted checkpoint can be seen.
  public void discard(long step) throws IOException {
    store.delete(FileStores.resolve(folder(step), Format.MANIFEST));
    store.delete(folder(step));
  }

  /// Keeps the newest `keep` checkpoints of sound structure and deletes older ones. A damaged one does not count, and stays while it is
  /// newer than the last that is kept. Returns the deleted steps.
  public List<Long> retain(int keep) throws IOException {
    if (keep < 1) {
      throw new IllegalArgumentException("at least one checkpoint is kept, not " + keep);
    }
    List<Long> deleted = new ArrayList<>();
    int kept = 0;
    for (long step : steps()) {
      if (kept == keep) {
        discard(step);
        deleted.add(step);
      } else if (problems(step, Depth.STRUCTURE).isEmpty()) {
        kept++;
      }
    }
    return deleted;
  }

  /// Deletes what was never committed: folders without a manifest and, in folders with one, files that it does not list. Folders of steps in
  /// `saving` are left alone. Returns the deleted paths.
  public List<String> clean(Set<Long> saving) throws IOException {
    List<String> deleted = new ArrayList<>();
    for (long step : folders()) {
      if (saving.contains(step)) {
        continue;
      }
      if (!store.exists(FileStores.resolve(folder(step), Format.MANIFEST))) {
        deleted.add(folder(step));
      } else {
        strays(step, deleted);
      }
    }
    for (FileStore.Entry entry : store.list(root)) {
      if (entry.name().startsWith(Format.LATEST + ".tmp-")) {
        deleted.add(entry.path());
      }
    }
    for (String path : deleted) {
      store.delete(path);
    }
    return deleted;
  }

  /// Adds the files that a readable manifest does not list; nothing is deleted on the word of an unreadable one.
  private void strays(long step, List<String> deleted) throws IOException {
    Manifest manifest;
    try {
      manifest = Manifest.read(store, folder(step));
    } catch (CheckpointException e) {
      return;
    }
    for (FileStore.Entry entry : store.list(folder(step))) {
      boolean listed =
          entry.name().equals(Format.MANIFEST)
              || manifest.parts().stream()
                  .anyMatch(
                      part ->
                          entry.name().equals(part.file())
                              || entry.name().equals(Format.indexName(part.file())));
      if (!listed) {
        deleted.add(entry.path());
      }
    }
  }
}
