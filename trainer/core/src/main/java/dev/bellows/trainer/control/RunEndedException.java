package dev.bellows.trainer.control;

/// The coordinator ended the run, or can no longer be heard; the worker leaves without a report of its own.
public final class RunEndedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// With the reason in one sentence.
  public RunEndedException(String reason) {
    super(reason);
  }
}
