package dev.bellows.parallelism;

/// A wait ended because a peer is gone or silent; the message names it.
public final class PeerLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final int peer;

  /// `peer` is the rank that was waited for.
  public PeerLostException(int peer, String message) {
    super(message);
    this.peer = peer;
  }

  /// The rank that was waited for.
  public int peer() {
    return peer;
  }
}
