package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;

/// The circumstances of one call of an [UpdateRule].
///
/// @param backend computes the update
/// @param step t, counted from 1
/// @param learningRate lr, already scheduled
/// @param gradientScale factor on the gradient: clipping, and the inverse of the loss scale
/// @param decayed whether weight decay applies to the parameter at hand
public record UpdateContext(
    Backend backend, long step, double learningRate, double gradientScale, boolean decayed) {}
