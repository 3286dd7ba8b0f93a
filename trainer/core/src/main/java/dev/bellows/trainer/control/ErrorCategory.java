package dev.bellows.trainer.control;

/// What kind of thing went wrong; each has an exit code of its own.
public enum ErrorCategory {
  /// A bug of ours.
  INTERNAL(1),
  /// The configuration or the command line.
  CONFIGURATION(2),
  /// The training data.
  DATA(3),
  /// NaN or infinite values.
  NUMERIC(4),
  /// Memory, shared memory, disk, ports, native libraries.
  RESOURCE(5),
  /// A worker was lost, or the network between workers failed.
  TRANSPORT(6),
  /// A checkpoint or the run folder cannot be read or written.
  STORAGE(7);

  private final int exitCode;

  ErrorCategory(int exitCode) {
    this.exitCode = exitCode;
  }

  /// The process exit code for this category.
  public int exitCode() {
    return exitCode;
  }
}
