package dev.bellows.trainer.control;

/// How a run ended.
///
/// @param outcome the kind of end
/// @param step steps completed
/// @param loss of the last step, NaN when there was none
/// @param validationLoss of the last evaluation, NaN when there was none
/// @param validationAccuracy of the last evaluation, NaN when there was none
/// @param checkpoint folder of the newest committed checkpoint, or empty
/// @param seconds from launch to end
/// @param category of the failure; INTERNAL is meaningless unless the outcome is FAILED
/// @param sentence what happened, for the user
/// @param detail a stack trace, or empty
public record RunReport(
    Outcome outcome,
    long step,
    double loss,
    double validationLoss,
    double validationAccuracy,
    String checkpoint,
    double seconds,
    ErrorCategory category,
    String sentence,
    String detail) {
  /// The kinds of end.
  public enum Outcome {
    /// All steps are done.
    FINISHED,
    /// Stopped on request; resumable.
    STOPPED,
    /// Ended by an error.
    FAILED
  }

  /// 0, or the category's exit code after a failure.
  public int exitCode() {
    return outcome == Outcome.FAILED ? category.exitCode() : 0;
  }
}
