package dev.bellows.trainer.control;

import dev.bellows.checkpointing.PartReport;
import java.io.IOException;
import java.util.List;

/// The driver's side of a checkpoint: turns the workers' part reports into a committed checkpoint. Called on one background thread.
public interface CheckpointCommitter {
  /// Commits the checkpoint of `step` from every rank's part reports, in rank order. Returns its folder.
  String commit(long step, int worldSize, List<PartReport> parts, String trainerState)
      throws IOException;

  /// Removes what was written of a checkpoint that is given up.
  void discard(long step) throws IOException;
}
