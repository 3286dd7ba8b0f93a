package dev.bellows.trainer.data;

/// Data that cannot be used. The message is one sentence: which file, what is wrong with it, and what would be right.
public final class DataException extends RuntimeException {
  public DataException(String message) {
    super(message);
  }

  public DataException(String message, Throwable cause) {
    super(message, cause);
  }

  /// The error category, for exit codes and counters.
  public String category() {
    return "data";
  }
}
