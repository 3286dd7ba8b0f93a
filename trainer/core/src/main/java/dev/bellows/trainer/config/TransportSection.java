package dev.bellows.trainer.config;

/// Section `transport`: how workers exchange tensors.
///
/// @param kind `auto` (default) or `udp`
/// @param mtu bytes of one network frame; a multiple of 32 from 1024 to 65504, default 8192
/// @param controlPort UDP port of the coordinator on the driver; 0, the default: any free one
/// @param encryption whether everything that workers and driver send each other by UDP is encrypted and authenticated with a key of this
///     attempt; default false
public record TransportSection(
    @Default("auto") Kind kind,
    @Default("8192") int mtu,
    @Default("0") int controlPort,
    @Default("false") boolean encryption) {
  /// The ways between two workers.
  public enum Kind {
    /// Shared memory through one media driver on a host, UDP between hosts.
    AUTO,
    /// UDP everywhere, and a media driver for each worker.
    UDP
  }

  public TransportSection {
    Check.that(
        mtu >= 1024 && mtu <= 65504 && mtu % 32 == 0,
        "transport.mtu",
        "transport.mtu is " + mtu + "; it must be a multiple of 32 from 1024 to 65504");
    Check.between("transport.controlPort", controlPort, 0, 65535);
  }
}
