package dev.bellows.tensor;

/// Offers a backend to [Backends] through [java.util.ServiceLoader].
public interface BackendProvider {
  /// The backend's name in configuration: `cpu`, `cuda`.
  String name();

  /// Higher is tried first when the configuration says `auto`.
  int priority();

  /// Opens the backend. Errors: [BackendUnavailableException] with the reason and the remedy.
  Backend open(BackendOptions options);
}
