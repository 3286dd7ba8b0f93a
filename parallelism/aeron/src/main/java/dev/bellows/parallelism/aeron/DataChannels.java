package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.Sealer;
import java.util.List;

/// Which channel and stream joins each ordered pair of ranks, and how much shared memory the pairs take.
final class DataChannels {
  /// Larger terms were not faster.
  static final int TERM_BYTES = 4 << 20;

  private static final int FRAME_HEADER_BYTES = 32;
  private static final int MAX_MTU = 65_504;
  private static final int STREAM_BASE = 1_000;

  private final TransportOptions options;
  private final List<Peer> peers;
  private final boolean udpOnly;

  /// Errors: [IllegalArgumentException] for an unknown kind or an impossible MTU.
  DataChannels(TransportOptions options) {
    this.options = options;
    this.peers = options.peers();
    this.udpOnly =
        switch (options.kind()) {
          case "auto" -> false;
          case "udp" -> true;
          default ->
              throw new IllegalArgumentException(
                  "transport kind is " + options.kind() + " but must be auto or udp");
        };
    int mtu = options.mtuBytes();
    if (mtu % 32 != 0 || mtu < 256 || mtu > MAX_MTU) {
      throw new IllegalArgumentException(
          "the transport's MTU is "
              + mtu
              + " bytes but must be a multiple of 32 from 256 to "
              + MAX_MTU);
    }
  }

  private Peer me() {
    return peers.get(options.rank());
  }

  /// Whether `peer` is reached through shared memory.
  boolean isLocal(int peer) {
    return !udpOnly && peers.get(peer).host().equals(me().host());
  }

  /// The rank whose process runs the media driver that this rank uses.
  int driverOwner() {
    return udpOnly
        ? options.rank()
        : peers.stream()
            .filter(peer -> peer.host().equals(me().host()))
            .findFirst()
            .orElseThrow()
            .rank();
  }

  /// All ranks must cut tensors alike, so one UDP link anywhere sets the chunk for all.
  int maxChunkBytes() {
    boolean oneHost = !udpOnly && peers.stream().allMatch(peer -> peer.host().equals(me().host()));
    int mtu = oneHost ? MAX_MTU : options.mtuBytes();
    int tag = oneHost || options.key().isNone() ? 0 : Sealer.TAG_BYTES;
    return (mtu - FRAME_HEADER_BYTES - Packet.HEADER_BYTES - tag) / 64 * 64;
  }

  int stream(int from, int to) {
    return STREAM_BASE + from * peers.size() + to;
  }

  /// Where this rank sends to `peer`.
  String publication(int peer) {
    return isLocal(peer) ? ipc() : udp(peers.get(peer).dataAddress());
  }

  /// Where this rank listens to `peer`.
  String subscription(int peer) {
    return isLocal(peer)
        ? "aeron:ipc"
        : "aeron:udp?endpoint="
            + me().dataAddress()
            + "|rcv-wnd="
            + Drivers.receiveWindow()
            + "|so-rcvbuf="
            + Drivers.receiveBuffer();
  }

  /// Not sparse: the driver touches every page before the first step instead of during it.
  private static String ipc() {
    return "aeron:ipc?term-length=" + TERM_BYTES + "|mtu=" + MAX_MTU + "|sparse=false";
  }

  private String udp(String endpoint) {
    return "aeron:udp?endpoint="
        + endpoint
        + "|term-length="
        + TERM_BYTES
        + "|mtu="
        + options.mtuBytes()
        + "|so-sndbuf="
        + Drivers.sendBuffer()
        + "|linger=1s";
  }

  /// Bytes of shared memory that the driver of this rank's host needs: three terms per stream and side, an IPC stream having one side and a ring.
  long sharedMemoryBytes() {
    long locals =
        udpOnly ? 1 : peers.stream().filter(peer -> peer.host().equals(me().host())).count();
    long remotes = peers.size() - locals;
    return Drivers.DRIVER_BYTES
        + 3L * TERM_BYTES * (locals * (locals - 1) + 2 * locals * remotes)
        + SharedRing.FILE_BYTES * locals * (locals - 1);
  }
}
