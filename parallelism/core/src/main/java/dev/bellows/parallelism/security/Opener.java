package dev.bellows.parallelism.security;

/// The receiving end of an encrypted stream whose packets arrive in order: each number is taken once, one after the other, so the replay
/// window is one packet wide. Threads: one at a time.
public final class Opener {
  private final StreamCipher cipher;
  private long next;

  Opener(StreamCipher cipher) {
    this.cipher = cipher;
  }

  /// Number of the packet that is due.
  public long next() {
    return next;
  }

  /// Verifies the packet of `length` bytes as number [#next] and decrypts its payload into `plain`. Returns whether it is authentic; takes
  /// nothing yet.
  public boolean open(byte[] packet, int headerBytes, int length, byte[] plain) {
    return cipher.open(next, packet, headerBytes, length, plain);
  }

  /// Takes the packet that was opened: its number is no longer accepted.
  public void taken() {
    next++;
  }
}
