package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.Transport.ChunkHandler;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.Header;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.agrona.DirectBuffer;

/// Both directions between this rank and one peer. Threads: one at a time.
final class AeronLink implements ControlledFragmentHandler {
  /// The whole address space: slices of it read and write Aeron's mapped buffers without a copy.
  private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /// Term buffers of a stream.
  private static final int TERMS = 3;

  private static final long DEATH_CHECK_NANOS = 100_000_000;
  private static final long DEATH_CERTAIN_NANOS = 500_000_000;

  private final String peerName;
  private final ExclusivePublication publication;
  private final Subscription subscription;
  private final Packet packet;
  private final Optional<ProcessHandle> process;
  private final Optional<RingPair> rings;
  private final BufferClaim claim = new BufferClaim();

  private Image image;
  private boolean leftGracefully;
  private long strangers;

  private final Chunk nothing = new Chunk();
  private final Chunk arrived = new Chunk();
  private final MemorySegment[] terms = new MemorySegment[TERMS];
  private final long[] termAddress = new long[TERMS];
  private int lastTerm;

  private ChunkHandler handler;
  private int delivered;
  private boolean refused;
  private Throwable failure;

  private long checkedAt = System.nanoTime();
  private long deadSince;
  private boolean isDead;
  private boolean isDrained;

  /// `process` is the peer's process where it can be seen from here and is not this one; `rings` carry payloads to and from a peer on this host.
  AeronLink(
      String peerName,
      ExclusivePublication publication,
      Subscription subscription,
      Packet packet,
      Optional<ProcessHandle> process,
      Optional<RingPair> rings) {
    this.peerName = peerName;
    this.publication = publication;
    this.subscription = subscription;
    this.packet = packet;
    this.process = process;
    this.rings = rings;
  }

  boolean offer(Chunk chunk) {
    return rings.isPresent() && chunk.length() >= RingPair.LEAST_BYTES
        ? offerThroughRing(rings.get().outgoing(), chunk)
        : offer(Packet.DATA, chunk);
  }

  boolean offerHello() {
    return offer(Packet.HELLO, nothing);
  }

  boolean offerGoodbye() {
    return !publication.isClosed() && offer(Packet.GOODBYE, nothing);
  }

  private boolean offer(long kind, Chunk chunk) {
    if (!claim(Packet.HEADER_BYTES + (int) chunk.length())) {
      return false;
    }
    packet.write(claim.buffer(), claim.offset(), kind, chunk);
    chunk.copyTo(MEMORY, claim.buffer().addressOffset() + claim.offset() + Packet.HEADER_BYTES);
    claim.commit();
    return true;
  }

  private boolean offerThroughRing(SharedRing ring, Chunk chunk) {
    long position = ring.room(chunk.length());
    if (position < 0 || !claim(Packet.HEADER_BYTES)) {
      return false;
    }
    packet.write(claim.buffer(), claim.offset(), Packet.inRing(chunk.length()), chunk);
    Packet.setRingPosition(claim.buffer(), claim.offset(), position);
    chunk.copyTo(ring.bytes(), SharedRing.offset(position));
    claim.commit();
    ring.publish(position, chunk.length());
    return true;
  }

  /// Whether there is room for a packet, which [#claim] then is.
  private boolean claim(int bytes) {
    while (true) {
      long position = publication.tryClaim(bytes, claim);
      if (position > 0) {
        return true;
      }
      if (position == Publication.BACK_PRESSURED || position == Publication.NOT_CONNECTED) {
        return false;
      }
      if (position != Publication.ADMIN_ACTION) {
        throw new IllegalStateException(
            "the stream to " + peerName + " ended: " + Publication.errorString(position));
      }
      // An admin action is a term rotation: the next attempt succeeds.
    }
  }

  int poll(ChunkHandler handler, int limit) {
    this.handler = handler;
    delivered = 0;
    refused = false;
    int taken = subscription.controlledPoll(this, limit);
    this.handler = null;
    if (failure != null) {
      Throwable thrown = failure;
      failure = null;
      AeronLink.<RuntimeException>rethrow(thrown);
    }
    isDrained = isDead && taken == 0 && !refused;
    return delivered;
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void rethrow(Throwable thrown) throws T {
    throw (T) thrown;
  }

  /// Aeron would hand an exception to its error handler and go on with the next frame, so it is kept and thrown by [#poll].
  @Override
  public Action onFragment(DirectBuffer buffer, int offset, int length, Header header) {
    if (!packet.isOurs(buffer, offset, length)) {
      strangers++;
      return Action.CONTINUE;
    }
    long kind = Packet.kind(buffer, offset);
    if (kind == Packet.IN_RING) {
      return deliverFromRing(buffer, offset);
    } else if (kind == Packet.HELLO) {
      rings.ifPresent(RingPair::openIncoming);
      image = (Image) header.context();
    } else if (kind == Packet.GOODBYE) {
      leftGracefully = true;
    } else {
      return deliver(buffer, offset, length);
    }
    return Action.CONTINUE;
  }

  private Action deliver(DirectBuffer buffer, int offset, int length) {
    Packet.read(buffer, offset, length, memory(buffer), arrived);
    return deliver();
  }

  /// The payload lies in the ring; its room is given back once it has been taken.
  private Action deliverFromRing(DirectBuffer buffer, int offset) {
    SharedRing ring = rings.orElseThrow().incoming();
    long position = Packet.ringPosition(buffer, offset);
    Packet.readInRing(buffer, offset, ring.bytes(), SharedRing.offset(position), arrived);
    Action action = deliver();
    if (!refused) {
      ring.release(position, arrived.length());
    }
    return action;
  }

  private Action deliver() {
    try {
      if (!handler.accepts(arrived)) {
        refused = true;
        return Action.ABORT;
      }
      delivered++;
      handler.onChunk(arrived);
      return Action.CONTINUE;
    } catch (Throwable e) {
      failure = e;
      return Action.BREAK;
    }
  }

  /// The term that `buffer` is as a segment, made once per term.
  private MemorySegment memory(DirectBuffer buffer) {
    long address = buffer.addressOffset();
    if (terms[lastTerm] == null || termAddress[lastTerm] != address) {
      // The terms of a stream take turns, so the next one in the circle is the right one or the
      // oldest.
      lastTerm = (lastTerm + 1) % TERMS;
      if (terms[lastTerm] == null || termAddress[lastTerm] != address) {
        terms[lastTerm] = MEMORY.asSlice(address, buffer.capacity());
        termAddress[lastTerm] = address;
      }
    }
    return terms[lastTerm];
  }

  /// Whether the peer's hello has arrived.
  boolean isGreeted() {
    return image != null;
  }

  /// Whether the peer said goodbye, its stream ended, or its process died and what it sent is used up.
  boolean isLost() {
    return leftGracefully || image != null && image.isClosed() || isProcessLost();
  }

  private boolean isProcessLost() {
    if (process.isEmpty()) {
      return false;
    }
    long now = System.nanoTime();
    if (!isDead && now - checkedAt >= DEATH_CHECK_NANOS) {
      checkedAt = now;
      isDead = !process.get().isAlive();
      deadSince = now;
    }
    // What the dead peer sent is still there to be polled; a sender never polls, so it believes
    // after a while.
    return isDead && (isDrained || now - deadSince >= DEATH_CERTAIN_NANOS);
  }

  long strangers() {
    return strangers;
  }
}
