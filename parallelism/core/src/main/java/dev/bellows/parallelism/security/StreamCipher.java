package dev.bellows.parallelism.security;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// AES-GCM with the key and the counter of one stream: packet `n` has the nonce `n`, under a key that is changed every 2^20 packets.
///
/// A packet carries at most 64 KiB, so a key sees at most 2^32 blocks, for which the advantage of an attacker who sees all of them stays
/// near 2^-65; 2^-60 is what TLS 1.3 limits it to. Threads: one at a time.
///
/// Source: NIST SP 800-38D; RFC 8446 section 5.5 for the limit.
final class StreamCipher {
  /// Bytes that authentication adds to a packet.
  static final int TAG_BYTES = 16;

  /// Bytes of an AES key.
  static final int KEY_BYTES = 32;

  /// Packets of one key, as a power of two.
  static final int EPOCH_BITS = 20;

  private static final int NONCE_BYTES = 12;

  /// Sees every key and counter that something is sealed with; for the test that none comes twice.
  @FunctionalInterface
  interface Watch {
    void sealed(SecretKeySpec key, long counter);
  }

  private static final Watch NOBODY = (key, counter) -> {};
  private static volatile Watch watch = NOBODY;

  private final byte[] pseudorandomKey;
  private final byte[] info;
  private final int epochBits;
  private final Cipher cipher;
  private final byte[] nonce = new byte[NONCE_BYTES];
  private final ByteBuffer nonceCounter = ByteBuffer.wrap(nonce);
  private SecretKeySpec key;
  private long epoch = -1;

  /// The cipher of the stream `name` between holders of `runKey` for `purpose`, in the session that `salt` stands for.
  StreamCipher(RunKey runKey, byte[] salt, StreamName name, String purpose) {
    this(runKey, salt, name, purpose, EPOCH_BITS);
  }

  StreamCipher(RunKey runKey, byte[] salt, StreamName name, String purpose, int epochBits) {
    this.pseudorandomKey = Hkdf.extract(runKey.secret(), salt);
    this.info = name.bytes(purpose);
    this.epochBits = epochBits;
    try {
      this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java runtime has no AES-GCM", e);
    }
  }

  /// Lets `observer` see what is sealed in this process from now on.
  static void watch(Watch observer) {
    watch = observer;
  }

  /// Ends [#watch].
  static void unwatch() {
    watch = NOBODY;
  }

  /// Encrypts `length` bytes of `plain` behind the first `headerBytes` bytes of `packet`, which are authenticated, and adds the tag. Returns
  /// the packet's length. A counter must never be used twice.
  int seal(long counter, byte[] packet, int headerBytes, byte[] plain, int length) {
    try {
      start(Cipher.ENCRYPT_MODE, counter);
      watch.sealed(key, counter);
      cipher.updateAAD(packet, 0, headerBytes);
      return headerBytes + cipher.doFinal(plain, 0, length, packet, headerBytes);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a packet could not be sealed", e);
    }
  }

  /// Decrypts what lies behind the header of the packet of `length` bytes into `plain`. Returns whether it and the header are what was
  /// sealed with this counter; `plain` means nothing otherwise.
  boolean open(long counter, byte[] packet, int headerBytes, int length, byte[] plain) {
    if (length < headerBytes + TAG_BYTES) {
      return false;
    }
    try {
      start(Cipher.DECRYPT_MODE, counter);
      cipher.updateAAD(packet, 0, headerBytes);
      int unused = cipher.doFinal(packet, headerBytes, length - headerBytes, plain, 0);
      return true;
    } catch (AEADBadTagException e) {
      return false;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a packet could not be opened", e);
    }
  }

  private void start(int mode, long counter) throws GeneralSecurityException {
    if (counter < 0) {
      throw new IllegalStateException("the counter of a stream is used up");
    }
    if (counter >>> epochBits != epoch) {
      epoch = counter >>> epochBits;
      byte[] purpose = ByteBuffer.allocate(info.length + 8).put(info).putLong(epoch).array();
      key = new SecretKeySpec(Hkdf.expand(pseudorandomKey, purpose, KEY_BYTES), "AES");
    }
    nonceCounter.putLong(NONCE_BYTES - 8, counter);
    cipher.init(mode, key, new GCMParameterSpec(8 * TAG_BYTES, nonce));
  }
}
