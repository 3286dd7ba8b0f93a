package dev.bellows.parallelism.security;

import java.security.GeneralSecurityException;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.KDF;
import javax.crypto.spec.HKDFParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// Key derivation HKDF with SHA-256.
///
/// Source: RFC 5869.
final class Hkdf {
  private Hkdf() {}

  /// The pseudorandom key of `inputKey` and `salt`.
  static byte[] extract(byte[] inputKey, byte[] salt) {
    return run(HKDFParameterSpec.ofExtract().addIKM(inputKey).addSalt(salt).extractOnly());
  }

  /// `length` bytes for the purpose `info` from a pseudorandom key.
  static byte[] expand(byte[] pseudorandomKey, byte[] info, int length) {
    return run(
        HKDFParameterSpec.expandOnly(new SecretKeySpec(pseudorandomKey, "Generic"), info, length));
  }

  private static byte[] run(AlgorithmParameterSpec parameters) {
    try {
      return KDF.getInstance("HKDF-SHA256").deriveData(parameters);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(
          "this Java runtime cannot derive keys with HKDF-SHA256; run on JDK 25 or newer", e);
    }
  }
}
