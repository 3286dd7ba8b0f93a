package dev.bellows.optimizers;

import dev.bellows.tensor.Tensor;

/// A state of one parameter as it lies in memory, owned by its [Optimizer].
///
/// @param name of the state
/// @param tensor its elements; a restore writes them
public record StateTensor(String name, Tensor tensor) {}
