package dev.bellows.tensor;

/// A backend cannot run here; the message says why and what would help.
public final class BackendUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// With the reason and the remedy in one sentence.
  public BackendUnavailableException(String message) {
    super(message);
  }

  /// With the reason and the remedy in one sentence, and what caused it.
  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
