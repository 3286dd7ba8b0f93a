package dev.bellows.parallelism.aeron;

import java.nio.file.Path;

/// The [SharedRing]s to and from one peer on the same host: files in the folder of the host's media driver, made by their writers before they say
/// hello. Threads: one at a time.
final class RingPair implements AutoCloseable {
  /// Smaller payloads travel with their headers: for them the media driver's work is nothing.
  static final int LEAST_BYTES = 4_096;

  private final SharedRing outgoing;
  private final Path incomingFile;
  private SharedRing incoming;

  /// Makes the ring from `rank` to `peer` in `folder`.
  RingPair(Path folder, int rank, int peer) {
    outgoing = SharedRing.create(file(folder, rank, peer));
    incomingFile = file(folder, peer, rank);
  }

  private static Path file(Path folder, int from, int to) {
    return folder.resolve("ring-" + from + "-" + to);
  }

  SharedRing outgoing() {
    return outgoing;
  }

  /// Opens the peer's ring; to be called when its hello has arrived.
  void openIncoming() {
    if (incoming == null) {
      incoming = SharedRing.open(incomingFile);
    }
  }

  SharedRing incoming() {
    return incoming;
  }

  @Override
  public void close() {
    outgoing.close();
    if (incoming != null) {
      incoming.close();
    }
  }
}
