package dev.bellows.parallelism;

import java.util.Locale;

/// A direction of a [Mesh], outermost first: neighbours along the last axis have neighbouring ranks, and so share a host.
public enum MeshAxis {
  /// Ranks that hold other layers of the same model.
  PIPELINE,
  /// Ranks that hold the same weights and see other samples. Experts are spread over it too.
  DATA,
  /// Ranks that see other positions of the same sequences.
  CONTEXT,
  /// Ranks that hold other rows or columns of the same layers.
  TENSOR;

  /// The key of this axis' degree in a configuration.
  public String key() {
    return "parallel." + name().toLowerCase(Locale.ROOT);
  }
}
