package dev.bellows.trainer.control;

/// An error whose message is one sentence for the user: what is wrong, where, and what would be right.
public final class BellowsException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final ErrorCategory category;

  /// With the sentence that the user reads.
  public BellowsException(ErrorCategory category, String sentence) {
    this(category, sentence, null);
  }

  /// With the sentence that the user reads, and the cause that `--stacktrace` shows.
  public BellowsException(ErrorCategory category, String sentence, Throwable cause) {
    super(sentence, cause);
    this.category = category;
  }

  /// What kind of error it is.
  public ErrorCategory category() {
    return category;
  }
}
