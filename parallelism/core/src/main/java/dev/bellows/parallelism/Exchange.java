package dev.bellows.parallelism;

/// An operation of a group while it runs: it never waits, so that whoever waits decides how, and what else goes on meanwhile.
interface Exchange {
  /// Sends and receives what can move now. Returns whether anything did.
  boolean turn();

  /// The peer, a rank of the group, that this rank needs next, or -1 when nothing is left to do.
  int awaited();

  /// Errors: [PeerLostException] when a peer is gone that this rank still needs; asked when nothing moves.
  void failIfLost();
}
