package dev.bellows.nn;

/// What happens around the passes of a model's units, numbered from 0 in forward order: who holds only a part of a unit's weights brings the others before
/// a pass, and takes its gradients away behind it.
///
/// All ranks that share the weights call alike. Threads: the tape's.
public interface UnitHooks {
  /// Nothing happens.
  UnitHooks NONE = new UnitHooks() {};

  /// The forward pass of `unit` begins.
  default void beforeForward(int unit) {}

  /// The forward pass of `unit` is over.
  default void afterForward(int unit) {}

  /// The backward pass of `unit` begins; `first`: for the first micro-batch of a group, whose gradient sums begin.
  default void beforeBackward(int unit, boolean first) {}

  /// The backward pass of `unit` is over; `last`: for the last micro-batch of a group, whose gradient sums are complete.
  default void afterBackward(int unit, boolean last) {}
}
