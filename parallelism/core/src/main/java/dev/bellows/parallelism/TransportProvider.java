package dev.bellows.parallelism;

import java.util.List;

/// Opens both planes of one kind of network; found by [java.util.ServiceLoader].
public interface TransportProvider {
  /// The provider's name: `aeron`, `in-process`.
  String name();

  /// Opens a control endpoint on `host` (an address that others can reach); port 0: any free port. Errors: [IllegalStateException] in
  /// one sentence, for example when the port is in use.
  ControlEndpoint openControl(String host, int port);

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
  record Peer(int rank, String host, long pid, String dataAddress) {}

  /// What a transport is opened with.
  ///
  /// @param runId random number of the run's attempt; packets of others are dropped
  /// @param generation number of the membership
  /// @param rank this rank
  /// @param peers every rank, this one included, in rank order
  /// @param kind `auto` (shared memory on one host, UDP between hosts) or `udp` (UDP everywhere, a media driver per worker)
  /// @param mtuBytes largest UDP datagram
  /// @param timeoutNanos how long connecting may take
  record TransportOptions(
      long runId,
      int generation,
      int rank,
      List<Peer> peers,
      String kind,
      int mtuBytes,
      long timeoutNanos) {}
}
