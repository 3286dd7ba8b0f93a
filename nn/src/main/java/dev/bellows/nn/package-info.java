/// The tape, parameters, layers, losses and initialisers, and three seams: [SavedTensors], [WeightGradient], [GradientEstimator].
package dev.bellows.nn;
