package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import io.aeron.logbuffer.Header;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// How the packets of one link lie on the wire: plain or sealed. Threads: the link's.
interface LinkPackets {
  /// A packet that means nothing to the link: a stranger's, or a step of the handshake.
  long NOTHING = -1;

  /// Instead of a size: the peer has to take something first.
  int NO_ROOM = -1;

  /// What this side has to send next while connecting, or [#NOTHING] when all is said for now.
  long greeting();

  /// Bytes of a packet of `kind` with the payload of `chunk`, or [#NO_ROOM].
  int bytes(long kind, Chunk chunk);

  /// Writes that packet, whose [#bytes] were asked for last. Once it is written it must be sent.
  void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk);

  /// The kind of the packet of `length` bytes: data, which sets `chunk`, hello, which means that the peer is connected, goodbye, or
  /// [#NOTHING]. Errors: [dev.bellows.parallelism.PeerLostException] when the peer's stream was tampered with.
  long read(DirectBuffer buffer, int at, int length, Header header, Chunk chunk);

  /// Says that the data packet read last was taken, its payload no longer being looked at. One that was not will be read again.
  void taken();

  /// What was dropped.
  Strangers strangers();
}
