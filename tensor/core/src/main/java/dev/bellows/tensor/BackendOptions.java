package dev.bellows.tensor;

/// What a backend is opened with.
///
/// @param threads compute threads, the calling thread included; 1 or more
/// @param deviceIndex which device of the backend's kind
public record BackendOptions(int threads, int deviceIndex) {
  public BackendOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("a backend needs at least 1 thread, not " + threads);
    }
  }

  /// `threads` threads on device 0.
  public static BackendOptions threads(int threads) {
    return new BackendOptions(threads, 0);
  }
}
