package dev.bellows.parallelism;

import dev.bellows.parallelism.security.RunKey;
import java.util.List;

/// Opens both planes of one kind of network; found by [java.util.ServiceLoader].
public interface TransportProvider {
  /// The provider's name: `aeron`, `in-process`.
  String name();

  /// Opens a control endpoint on `host` (an address that others can reach); port 0: any free port. Errors: [IllegalStateException] in
  /// one sentence, for example when the port is in use.
  ControlEndpoint openControl(String host, int port);

  /// The same; with a `key` its messages are encrypted and authenticated, and only those of holders of the key are handed over. Errors:
  /// [IllegalStateException] when there is a key and this kind of network cannot encrypt.
  default ControlEndpoint openControl(String host, int port, RunKey key) {
    if (!key.isNone()) {
      throw new IllegalStateException(
          "transport " + name() + " cannot encrypt; set transport.encryption: false");
    }
    return openControl(host, port);
  }

  /// An address for this worker's data plane, sent to the coordinator at registration and listed in every [Peer].
  String reserveDataAddress(String host);

  /// Connects the ranks of one generation and returns when all are connected. Errors: [PeerLostException] for a peer that does not
  /// appear before the deadline, [IllegalStateException] in one sentence for anything else (shared memory too small).
  Transport open(TransportOptions options);

  /// A member as the data plane sees it.
  ///
  /// @param rank its rank
  /// @param host its host name; ranks with equal host names share memory
  /// @param pid its process id
  /// @param dataAddress what [#reserveDataAddress] returned there
  /// @param attempt number of the worker's attempt; keys of its streams are bound to it
  record Peer(int rank, String host, long pid, String dataAddress, int attempt) {
    /// A member at its first attempt.
    public Peer(int rank, String host, long pid, String dataAddress) {
      this(rank, host, pid, dataAddress, 0);
    }
  }

  /// What a transport is opened with.
  ///
  /// @param runId random number of the run's attempt; packets of others are dropped
  /// @param generation number of the membership
  /// @param rank this rank
  /// @param peers every rank, this one included, in rank order
  /// @param kind `auto` (shared memory on one host, UDP between hosts) or `udp` (UDP everywhere, a media driver per worker)
  /// @param mtuBytes largest UDP datagram
  /// @param timeoutNanos how long connecting may take
  /// @param key encrypts and authenticates what leaves the host; [RunKey#none] for no encryption
  record TransportOptions(
      long runId,
      int generation,
      int rank,
      List<Peer> peers,
      String kind,
      int mtuBytes,
      long timeoutNanos,
      RunKey key) {
    /// Options without encryption.
    public TransportOptions(
        long runId,
        int generation,
        int rank,
        List<Peer> peers,
        String kind,
        int mtuBytes,
        long timeoutNanos) {
      this(runId, generation, rank, peers, kind, mtuBytes, timeoutNanos, RunKey.none());
    }
  }
}
