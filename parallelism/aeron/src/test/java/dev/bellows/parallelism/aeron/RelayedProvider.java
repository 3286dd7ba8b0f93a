package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Aeron over UDP whose ranks reach each other through a [UdpRelay] only.
final class RelayedProvider implements TransportProvider {
  private final AeronTransportProvider aeron = new AeronTransportProvider();
  private final Map<String, String> behind = new ConcurrentHashMap<>();
  private final UdpRelay relay;

  RelayedProvider(UdpRelay relay) {
    this.relay = relay;
  }

  /// Ranks in a network of small datagrams behind `relay`.
  static RankGroup ranks(UdpRelay relay) {
    RelayedProvider provider = new RelayedProvider(relay);
    return new RankGroup(rank -> provider, rank -> "host-" + rank, "udp", 1_408);
  }

  @Override
  public String name() {
    return "relayed";
  }

  @Override
  public ControlEndpoint openControl(String host, int port) {
    return aeron.openControl(host, port);
  }

  @Override
  public String reserveDataAddress(String host) {
    String own = aeron.reserveDataAddress(host);
    String front = relay.front(own);
    behind.put(front, own);
    return front;
  }

  @Override
  public Transport open(TransportOptions options) {
    List<Peer> peers = new ArrayList<>(options.peers());
    Peer me = peers.get(options.rank());
    peers.set(
        me.rank(),
        new Peer(me.rank(), me.host(), me.pid(), behind.get(me.dataAddress()), me.attempt()));
    return aeron.open(
        new TransportOptions(
            options.runId(),
            options.generation(),
            options.rank(),
            peers,
            options.kind(),
            options.mtuBytes(),
            options.timeoutNanos(),
            options.key()));
  }
}
