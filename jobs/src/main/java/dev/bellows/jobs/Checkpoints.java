package dev.bellows.jobs;

import dev.bellows.checkpointing.CheckpointCatalog;
import dev.bellows.checkpointing.Manifest;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.io.IOException;
import java.util.List;

/// Finds the checkpoint that a path on the command line means.
///
/// @param store the file system that holds it
/// @param folder the checkpoint's folder
record Checkpoints(FileStore store, String folder) {
  /// A checkpoint's own folder, or a run folder, which stands for its newest checkpoint. Errors: [BellowsException] STORAGE.
  static Checkpoints find(String path) {
    try {
      FileStore store = FileStores.forPath(path);
      String absolute = FileStores.absolute(path);
      if (store.exists(absolute + "/manifest.json")) {
        return new Checkpoints(store, absolute);
      }
      CheckpointCatalog catalog = new CheckpointCatalog(store, absolute);
      List<Long> steps = catalog.steps();
      if (!steps.isEmpty()) {
        return new Checkpoints(store, catalog.folder(steps.getFirst()));
      }
      throw new BellowsException(
          ErrorCategory.STORAGE,
          absolute
              + " is neither a checkpoint nor a run folder with one: there is no manifest.json in"
              + " it or below its checkpoints/");
    } catch (IOException e) {
      throw new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
    }
  }

  /// The configuration that it was trained with, under `overrides`.
  RunConfig config(List<String> overrides) {
    try {
      String yaml = Manifest.read(store, folder).content().config().asText();
      return ConfigLoader.load(folder + "/manifest.json", yaml, overrides);
    } catch (IOException e) {
      throw new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
    }
  }
}
