package dev.bellows.parallelism.zero;

/// What happens around the passes of a model's units, numbered from 0 in forward order: who holds only a part of a unit's weights brings the others before
/// a pass, and takes its gradients away behind it.
interface UnitHooks {
  /// The forward pass of `unit` begins.
  default void beforeForward(int unit) {}

  /// The forward pass of `unit` is over.
  default void afterForward(int unit) {}

  /// The backward pass of `unit` begins.
  default void beforeBackward(int unit) {}

  /// The backward pass of `unit` is over.
  default void afterBackward(int unit) {}
}
