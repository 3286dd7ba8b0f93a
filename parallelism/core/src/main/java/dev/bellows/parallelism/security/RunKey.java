package dev.bellows.parallelism.security;

import java.io.Serializable;
import java.security.MessageDigest;
import java.security.SecureRandom;

/// The secret that the driver and all workers of one attempt at a run share, or none when they talk in clear.
///
/// It is made at the start of a driver, held in memory only, and never printed: [#toString] and [#hashCode] do not depend on it. All keys of
/// streams and messages are derived from it. Immutable.
public final class RunKey implements Serializable {
  /// Bytes of a secret.
  public static final int BYTES = 32;

  private static final long serialVersionUID = 1L;
  private static final RunKey NONE = new RunKey(new byte[0]);

  private final byte[] secret;

  private RunKey(byte[] secret) {
    this.secret = secret;
  }

  /// The key of a run that does not encrypt.
  public static RunKey none() {
    return NONE;
  }

  /// A new random key.
  public static RunKey fresh() {
    byte[] secret = new byte[BYTES];
    new SecureRandom().nextBytes(secret);
    return new RunKey(secret);
  }

  /// The key with these bytes, which are copied; no bytes are [#none].
  public static RunKey of(byte[] secret) {
    if (secret.length != BYTES && secret.length != 0) {
      throw new IllegalArgumentException(
          "a run key has " + secret.length + " bytes but must have " + BYTES + ", or 0 for none");
    }
    return new RunKey(secret.clone());
  }

  /// Whether this is no key.
  public boolean isNone() {
    return secret.length == 0;
  }

  /// A copy of the secret, to be handed out through a channel that is protected by itself.
  public byte[] bytes() {
    return secret.clone();
  }

  /// The secret itself. Errors: [IllegalStateException] when there is none.
  byte[] secret() {
    if (isNone()) {
      throw new IllegalStateException("nothing can be sealed without a run key");
    }
    return secret;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RunKey key && MessageDigest.isEqual(secret, key.secret);
  }

  /// Says nothing of the secret, since hash codes are printed.
  @Override
  public int hashCode() {
    return secret.length;
  }

  @Override
  public String toString() {
    return isNone() ? "no run key" : "run key (hidden)";
  }
}
