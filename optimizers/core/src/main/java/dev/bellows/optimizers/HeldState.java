package dev.bellows.optimizers;

import dev.bellows.tensor.Tensor;

/// What an [Optimizer] holds of one state of one parameter, owned by it.
///
/// @param parameter name of the parameter
/// @param spec the whole state, as the rule declares it for the whole parameter
/// @param start first element held, counted in the whole state
/// @param tensor the elements from there on; a restore writes them
public record HeldState(String parameter, StateSpec spec, long start, Tensor tensor) {
  /// Number of elements held.
  public long extent() {
    return tensor.elements();
  }
}
