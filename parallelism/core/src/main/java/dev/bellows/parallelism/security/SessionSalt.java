package dev.bellows.parallelism.security;

import java.security.SecureRandom;
import java.util.Arrays;

/// The random bytes that make the keys of one session differ from those of all others.
final class SessionSalt {
  static final int BYTES = 32;

  private static final SecureRandom RANDOM = new SecureRandom();

  private SessionSalt() {}

  static byte[] fresh() {
    byte[] salt = new byte[BYTES];
    RANDOM.nextBytes(salt);
    return salt;
  }

  /// The salt of the direction from the owner of `sender` to that of `receiver`.
  static byte[] both(byte[] sender, byte[] receiver) {
    byte[] salt = Arrays.copyOf(sender, sender.length + receiver.length);
    System.arraycopy(receiver, 0, salt, sender.length, receiver.length);
    return salt;
  }
}
