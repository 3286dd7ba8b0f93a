package dev.bellows.parallelism.security;

import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import javax.crypto.spec.SecretKeySpec;

/// Records every key and nonce that something is sealed with in this process, until it is closed. Thread-safe.
public final class NonceRecorder implements AutoCloseable {
  private final Map<String, Set<Long>> nonces = new HashMap<>();
  private long count;

  /// Starts recording.
  public NonceRecorder() {
    StreamCipher.watch(this::sealed);
  }

  private synchronized void sealed(SecretKeySpec key, long nonce) {
    count++;
    nonces
        .computeIfAbsent(HexFormat.of().formatHex(key.getEncoded()), k -> new TreeSet<>())
        .add(nonce);
  }

  /// Packets that were sealed.
  public synchronized long count() {
    return count;
  }

  /// Different pairs of key and nonce.
  public synchronized long distinct() {
    return nonces.values().stream().mapToLong(Set::size).sum();
  }

  /// The keys that were used.
  public synchronized List<String> keys() {
    return List.copyOf(nonces.keySet());
  }

  @Override
  public void close() {
    StreamCipher.unwatch();
  }
}
