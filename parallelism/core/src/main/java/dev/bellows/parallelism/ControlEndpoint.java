package dev.bellows.parallelism;

import java.util.function.Consumer;

/// One end of the control plane: small messages between the coordinator and the workers, ordered per sender and receiver.
///
/// Threads: one at a time for each of [#send] and [#poll].
public interface ControlEndpoint extends AutoCloseable {
  /// Where others reach this endpoint: an opaque string that travels in messages and configuration.
  String address();

  /// Sends `message` (at most 64 KiB, not empty) to `address`. Returns false when it could not be handed over within `timeoutNanos`.
  boolean send(String address, byte[] message, long timeoutNanos);

  /// Hands waiting messages to `handler`. Returns how many.
  int poll(Consumer<byte[]> handler);

  /// Messages that were dropped because no holder of the run's key sent them, or not now; 0 without encryption.
  default long strangers() {
    return 0;
  }

  /// Closes the links to `address`.
  void forget(String address);

  @Override
  void close();
}
