package dev.bellows.parallelism.security;

/// The sending end of an encrypted stream: seals packets, each with the next number as its nonce.
///
/// Cost: one pass of AES-GCM and about a kilobyte of garbage inside `javax.crypto` per packet. Threads: one at a time.
public final class Sealer {
  /// Bytes that sealing adds behind the payload.
  public static final int TAG_BYTES = StreamCipher.TAG_BYTES;

  private final StreamCipher cipher;
  private long next;

  Sealer(StreamCipher cipher) {
    this.cipher = cipher;
  }

  /// Number of the packet that [#seal] makes next; belongs into its header.
  public long next() {
    return next;
  }

  /// Encrypts the first `length` bytes of `plain` into `packet` from `headerBytes` on, authenticates them together with the header before
  /// them, and uses [#next] up. `packet` has room for header, payload and [#TAG_BYTES]. Returns the packet's length.
  public int seal(byte[] packet, int headerBytes, byte[] plain, int length) {
    return cipher.seal(next++, packet, headerBytes, plain, length);
  }
}
