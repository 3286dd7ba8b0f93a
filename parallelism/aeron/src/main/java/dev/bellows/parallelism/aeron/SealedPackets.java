package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.security.Handshake;
import dev.bellows.parallelism.security.Refusal;
import dev.bellows.parallelism.security.Sealer;
import dev.bellows.parallelism.security.Session;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;

/// Encrypted and authenticated packets: the header in clear with the packet's number in its last field, then the ciphertext of the payload
/// and AES-GCM's tag over both.
///
/// Strangers reach the same subscription over Aeron streams of their own; what they send does not open, is out of turn, or is a copy of a
/// packet that counts once, and is dropped. Within the stream over which the peer's last packet came nothing can be missing or wrong unless
/// somebody forged Aeron's own frames: then the peer counts as lost, since what was destroyed will not come again.
final class SealedPackets implements LinkPackets {
  /// What the largest packet without a chunk has behind its header.
  static final int MOST_OVERHEAD_BYTES = Handshake.HELLO_BYTES;

  private static final int HEADER = Packet.HEADER_BYTES;

  private final Packet packet;
  private final Handshake handshake;
  private final SealBuffers buffers;
  private final MemorySegment opened;
  private final int peer;
  private final String peerName;
  private final Strangers strangers;

  private boolean greeted;
  private Optional<Session> session = Optional.empty();

  /// The Aeron image that brought the peer's last packet.
  private Object trusted = new Object();

  private boolean waiting;
  private Object waitingImage = new Object();
  private long waitingPosition;

  SealedPackets(
      Packet packet,
      Handshake handshake,
      SealBuffers buffers,
      int peer,
      String peerName,
      Strangers strangers) {
    this.packet = packet;
    this.handshake = handshake;
    this.buffers = buffers;
    this.opened = buffers.opened();
    this.peer = peer;
    this.peerName = peerName;
    this.strangers = strangers;
  }

  @Override
  public long greeting() {
    if (!greeted) {
      return Packet.HELLO;
    }
    return handshake.owesReady() ? Packet.READY : NOTHING;
  }

  @Override
  public int bytes(long kind, Chunk chunk) {
    return HEADER
        + (kind == Packet.HELLO ? Handshake.HELLO_BYTES : (int) chunk.length() + Sealer.TAG_BYTES);
  }

  @Override
  public void write(MutableDirectBuffer buffer, int at, long kind, Chunk chunk) {
    buffer.putBytes(at, buffers.wire, 0, seal(kind, chunk));
  }

  /// Makes the packet in the wire array. Returns its length.
  private int seal(long kind, Chunk chunk) {
    if (kind == Packet.HELLO || kind == Packet.READY) {
      packet.write(buffers.wireBuffer, 0, kind, chunk, 0);
      if (kind == Packet.READY) {
        return handshake.ready(buffers.wire, HEADER);
      }
      greeted = true;
      return handshake.hello(buffers.wire, HEADER);
    }
    Sealer sealer = session.orElseThrow().sealer();
    packet.write(buffers.wireBuffer, 0, kind, chunk, sealer.next());
    chunk.copyTo(buffers.plainSegment, 0);
    return sealer.seal(buffers.wire, HEADER, buffers.plain, (int) chunk.length());
  }

  @Override
  public long read(DirectBuffer buffer, int at, int length, Header header, Chunk chunk) {
    if (waiting && isWaiting(header)) {
      return Packet.DATA;
    }
    if (length > buffers.wire.length || !packet.isOurs(buffer, at, length)) {
      return drop(Refusal.FOREIGN, header);
    }
    // From here on only the copy counts: what was verified is what is used.
    buffer.getBytes(at, buffers.wire, 0, length);
    long kind = Packet.kind(buffers.wireBuffer, 0);
    if (kind == Packet.HELLO || kind == Packet.READY) {
      return greet(kind, length, header);
    }
    if (length > HEADER + buffers.plain.length + Sealer.TAG_BYTES) {
      return drop(Refusal.FOREIGN, header);
    }
    return session.isEmpty()
        ? drop(Refusal.REPLAYED, header)
        : open(session.get(), kind, length, header, chunk);
  }

  /// Whether this is the packet that was opened before but not taken: its chunk is still at hand.
  private boolean isWaiting(Header header) {
    return waitingImage == header.context() && waitingPosition == header.position();
  }

  private long greet(long kind, int length, Header header) {
    if (session.isPresent()) {
      return drop(Refusal.REPLAYED, header);
    }
    if (kind == Packet.HELLO) {
      return handshake.takeHello(buffers.wire, HEADER, length)
          ? NOTHING
          : drop(Refusal.FORGED, header);
    }
    session = handshake.confirm(buffers.wire, HEADER, length);
    if (session.isEmpty()) {
      return drop(Refusal.FORGED, header);
    }
    trusted = header.context();
    return Packet.HELLO;
  }

  private long open(Session keys, long kind, int length, Header header, Chunk chunk) {
    long counter = Packet.counter(buffers.wireBuffer, 0);
    long due = keys.opener().next();
    boolean isPeers = header.context() == trusted;
    if (counter != due) {
      if (isPeers && counter > due) {
        throw tampered("packet " + due + " is missing from");
      }
      return drop(Refusal.REPLAYED, header);
    }
    if (!keys.opener().open(buffers.wire, HEADER, length, buffers.plain)) {
      if (isPeers) {
        throw tampered("packet " + due + " was changed in");
      }
      return drop(Refusal.FORGED, header);
    }
    trusted = header.context();
    if (kind != Packet.DATA) {
      keys.opener().taken();
      return kind == Packet.GOODBYE ? kind : NOTHING;
    }
    int payload = length - HEADER - Sealer.TAG_BYTES;
    MemorySegment.copy(buffers.plainSegment, 0, opened, 0, payload);
    Packet.read(buffers.wireBuffer, 0, opened, 0, payload, chunk);
    waiting = true;
    waitingImage = header.context();
    waitingPosition = header.position();
    return Packet.DATA;
  }

  @Override
  public void taken() {
    waiting = false;
    session.orElseThrow().opener().taken();
  }

  private PeerLostException tampered(String what) {
    return new PeerLostException(
        peer,
        what
            + " the stream of "
            + peerName
            + ": somebody on the network between the hosts forges its frames");
  }

  private long drop(Refusal why, Header header) {
    strangers.count(why, header);
    return NOTHING;
  }

  @Override
  public Strangers strangers() {
    return strangers;
  }
}
