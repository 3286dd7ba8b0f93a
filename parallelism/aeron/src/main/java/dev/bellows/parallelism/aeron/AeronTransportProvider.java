package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.security.RunKey;

/// Both planes over Aeron with embedded media drivers: shared memory inside a host, UDP between hosts.
///
/// Control: each process has one small driver; an address is `host:port`. Data: the lowest rank of each host (with kind `udp` every rank)
/// runs a driver in a folder of shared memory that is named after run, generation, rank and pid and goes away with the transport; what a
/// killed process leaves is deleted by the survivors and at the next start. With a run key both planes seal all that goes over UDP.
/// Thread-safe.
public final class AeronTransportProvider implements TransportProvider {
  @Override
  public String name() {
    return "aeron";
  }

  @Override
  public ControlEndpoint openControl(String host, int port) {
    return openControl(host, port, RunKey.none());
  }

  @Override
  public ControlEndpoint openControl(String host, int port, RunKey key) {
    return AeronControl.open(host, port, key);
  }

  @Override
  public String reserveDataAddress(String host) {
    return UdpPorts.reserveAny(host);
  }

  @Override
  public Transport open(TransportOptions options) {
    return options.peers().size() == 1 ? Transport.single() : DataPlane.open(options);
  }
}
