/// Training without backpropagation: the place of Mono-Forward, Forward-Forward and Cascaded-Forward, each one a
/// `dev.bellows.nn.GradientEstimator`.
package dev.bellows.bpfree;
