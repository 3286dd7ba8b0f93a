package dev.bellows.trainer;

import dev.bellows.parallelism.security.RunKey;
import java.io.Serializable;

/// What the driver tells every worker at its start, small enough to travel inside a Spark task.
///
/// @param runId random number of this attempt
/// @param coordinator address of the coordinator's control endpoint
/// @param config the resolved configuration as YAML
/// @param folder the run folder
/// @param stopAfter stop for good after this step; [Long#MAX_VALUE] for no early stop
/// @param key what driver and workers encrypt with; [RunKey#none] for no encryption
public record WorkerSpec(
    long runId, String coordinator, String config, String folder, long stopAfter, RunKey key)
    implements Serializable {
  /// The same with another key.
  public WorkerSpec withKey(RunKey other) {
    return new WorkerSpec(runId, coordinator, config, folder, stopAfter, other);
  }
}
