package dev.bellows.tensor;

/// Where bytes live: host memory, or the memory of one accelerator.
///
/// @param kind the kind of memory
/// @param index which device of that kind, from 0
public record Device(Kind kind, int index) {
  /// The kinds of memory.
  public enum Kind {
    HOST,
    CUDA
  }

  /// Host memory.
  public static final Device HOST = new Device(Kind.HOST, 0);
}
