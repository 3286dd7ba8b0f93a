/// Update rules, learning-rate schedules and gradient clipping over flat parameter buffers.
///
/// An [Optimizer] knows no model and no mesh: it sees flat values, flat gradients and the [ParameterSpan]s inside them, so that one rank's
/// slice of a sharded buffer is updated by the same code. Depends on `tensor/core` only.
package dev.bellows.optimizers;
