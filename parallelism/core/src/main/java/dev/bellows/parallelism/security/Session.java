package dev.bellows.parallelism.security;

/// The keys of both directions of one link, as one side holds them.
///
/// @param sealer for what this side sends
/// @param opener for what the peer sends
public record Session(Sealer sealer, Opener opener) {}
