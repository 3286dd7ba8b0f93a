package dev.bellows.checkpointing;

import java.io.IOException;

/// A checkpoint that cannot be saved, trusted or used; the message is one sentence that names the file.
public final class CheckpointException extends IOException {
  /// What kind of failure it is, and so what may help.
  public enum Kind {
    /// Bytes are not what was written: use an older checkpoint.
    CORRUPT,
    /// Written by a newer version: update this program.
    TOO_NEW,
    /// Written by a version no longer read: convert it with an older program.
    TOO_OLD,
    /// Nothing was committed here.
    UNCOMMITTED,
    /// What was asked for and what is stored do not fit each other.
    MISMATCH,
    /// The save did not succeed; earlier checkpoints are untouched.
    SAVE_FAILED
  }

  private final Kind kind;
  private final transient Problem problem;

  CheckpointException(Kind kind, String folder, Problem problem, Throwable cause) {
    super(folder + "/" + problem, cause);
    this.kind = kind;
    this.problem = problem;
  }

  CheckpointException(Kind kind, String folder, Problem problem) {
    this(kind, folder, problem, null);
  }

  /// What kind of failure it is.
  public Kind kind() {
    return kind;
  }

  /// File, tensor and offset.
  public Problem problem() {
    return problem;
  }
}
