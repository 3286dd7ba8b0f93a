/// ZeRO on the data axis (Rajbhandari et al. 2020): optimizer state, gradients and weights shared out among the ranks, with the bits of one rank.
///
/// [dev.bellows.parallelism.zero.ZeroLayout] says who owns what, [dev.bellows.parallelism.zero.ZeroShare] is what one rank holds and does in a step.
package dev.bellows.parallelism.zero;
