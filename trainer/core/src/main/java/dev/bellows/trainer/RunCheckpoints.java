package dev.bellows.trainer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.bellows.checkpointing.CheckpointCatalog;
import dev.bellows.checkpointing.CheckpointCommit;
import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.checkpointing.Manifest;
import dev.bellows.checkpointing.ManifestContent;
import dev.bellows.checkpointing.PartReport;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.CheckpointCommitter;
import dev.bellows.trainer.control.ErrorCategory;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The driver's view of a run's checkpoints: which one to go on from, and how the workers' parts become a new one.
final class RunCheckpoints implements CheckpointCommitter {
  private static final Logger LOG = LoggerFactory.getLogger(RunCheckpoints.class);

  private final RunFolder folder;
  private final RunConfig config;
  private final long runId;
  private final List<LogicalTensor> tensors;
  private final Consumer<String> out;
  private final CheckpointCatalog catalog;

  /// The checkpoints in `folder` of a run whose state is `tensors`. What was passed over is told to `out`.
  RunCheckpoints(
      RunFolder folder,
      RunConfig config,
      long runId,
      List<LogicalTensor> tensors,
      Consumer<String> out) {
    this.folder = folder;
    this.config = config;
    this.runId = runId;
    this.tensors = tensors;
    this.out = out;
    this.catalog = new CheckpointCatalog(folder.store(), folder.path());
  }

  /// Folder of the checkpoint of `step`.
  static String stepFolder(RunFolder folder, long step) {
    return new CheckpointCatalog(folder.store(), folder.path()).folder(step);
  }

  /// Deletes every checkpoint, committed or not.
  void deleteAll() {
    try {
      for (long step : catalog.steps()) {
        catalog.discard(step);
      }
      catalog.clean(Set.of());
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /// The newest checkpoint of which every byte is right, or the start. Newer damaged ones are named and deleted, since their steps are about
  /// to be done again; leftovers of saves that never ended are deleted too. Errors: [BellowsException] when the checkpoint belongs to a run
  /// whose course another configuration would change.
  ResumePoint newest() {
    try {
      CheckpointCatalog.Selection selection =
          catalog.newestValid(CheckpointCatalog.Depth.EVERY_BYTE);
      for (CheckpointCatalog.Refused refused : selection.refused()) {
        out.accept(
            "the checkpoint of step "
                + refused.step()
                + " is damaged and not used: "
                + refused.problems().getFirst());
      }
      if (selection.step().isEmpty() && !selection.refused().isEmpty()) {
        throw new BellowsException(
            ErrorCategory.STORAGE,
            "no checkpoint in "
                + folder.checkpoints()
                + " is valid; restore one from a backup or start over with --fresh");
      }
      ResumePoint point =
          selection.step().isEmpty() ? ResumePoint.START : point(selection.step().get());
      for (CheckpointCatalog.Refused refused : selection.refused()) {
        catalog.discard(refused.step());
      }
      catalog.clean(Set.of());
      return point;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private BellowsException unreadable(IOException e) {
    return new BellowsException(
        ErrorCategory.STORAGE,
        "the checkpoints in " + folder.checkpoints() + " cannot be read: " + e.getMessage(),
        e);
  }

  private ResumePoint point(long step) throws IOException {
    Manifest manifest = Manifest.read(folder.store(), catalog.folder(step));
    RunConfig saved =
        ConfigLoader.load(
            "the checkpoint's config", manifest.content().config().asText(), List.of());
    ConfigChanges changes = ConfigChanges.between(saved, config, sameTensors(manifest));
    if (!changes.forbidden().isEmpty()) {
      throw new BellowsException(
          ErrorCategory.CONFIGURATION,
          "the checkpoint of step "
              + step
              + " in "
              + folder.path()
              + " was trained with other settings: "
              + String.join(", ", changes.forbidden())
              + "; take them back, give another run.folder, or start over with --fresh");
    }
    if (!changes.allowed().isEmpty()) {
      out.accept(
          "changed since the checkpoint of step "
              + step
              + ": "
              + String.join(", ", changes.allowed()));
    }
    return new ResumePoint(
        step, catalog.folder(step), manifest.trainer().path("saved_workers").asInt());
  }

  /// Other groups may freeze other parameters or give them another rule, whose state the checkpoint has not.
  private boolean sameTensors(Manifest manifest) {
    return Set.copyOf(manifest.content().tensors()).equals(Set.copyOf(tensors));
  }

  @Override
  public String commit(long step, int worldSize, List<PartReport> parts, String trainerState)
      throws IOException {
    ManifestContent content =
        new ManifestContent(
            Checkpointer.saveId(runId, step),
            step,
            tensors,
            (ObjectNode) new ObjectMapper().readTree(trainerState),
            TextNode.valueOf(ConfigLoader.toYaml(config)),
            Map.of("java", Runtime.version().toString(), "bellows", version()));
    CheckpointCommit.commit(folder.store(), catalog.folder(step), content, parts);
    retain();
    return catalog.folder(step);
  }

  /// An old checkpoint that cannot be deleted is no fault of the new one.
  private void retain() {
    try {
      catalog.retain(config.checkpoint().keep());
    } catch (IOException e) {
      LOG.warn("an old checkpoint in {} was not deleted: {}", folder.checkpoints(), e.getMessage());
    }
  }

  private static String version() {
    String version = RunCheckpoints.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  @Override
  public void discard(long step) throws IOException {
    catalog.discard(step);
  }
}
