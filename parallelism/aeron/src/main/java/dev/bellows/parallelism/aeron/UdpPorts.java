package dev.bellows.parallelism.aeron;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// UDP ports, held by an idle socket between registration and connecting, and between generations, so that no other
/// process of the host takes them. Thread-safe.
final class UdpPorts {
  private static final Map<String, DatagramSocket> HELD = new ConcurrentHashMap<>();

  private UdpPorts() {}

  /// Takes a free port on `host` and returns `host:port`.
  static String reserveAny(String host) {
    try {
      DatagramSocket socket = new DatagramSocket(new InetSocketAddress(host, 0));
      String address = host + ":" + socket.getLocalPort();
      HELD.put(address, socket);
      return address;
    } catch (IOException | IllegalArgumentException e) {
      throw new IllegalStateException(
          "no UDP port can be opened on "
              + host
              + ": "
              + e.getMessage()
              + "; name an address of this machine",
          e);
    }
  }

  /// Frees the port for the media driver. Returns whether it was held here.
  static boolean release(String address) {
    DatagramSocket socket = HELD.remove(address);
    if (socket == null) {
      return false;
    }
    socket.close();
    return true;
  }

  /// Takes the port of `address` back. When it is not free, because the driver of another process has not let go of it yet, the next
  /// generation says so if it still is not.
  static void reserve(String address) {
    try {
      HELD.put(address, bind(address));
    } catch (IOException e) {
      HELD.remove(address);
    }
  }

  private static DatagramSocket bind(String address) throws IOException {
    int colon = address.lastIndexOf(':');
    return new DatagramSocket(
        new InetSocketAddress(
            address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))));
  }
}
