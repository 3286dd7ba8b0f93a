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
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final long DEATH_CHECK_NANOS = 100_000_000;
  private static final long DEATH_CERTAIN_NANOS = 500_000_000;

  private final String peerName;
  private final ExclusivePublication publication;
  private final Subscription subscription;
  private final LinkPackets packets;
  private final Optional<ProcessHandle> process;
  private final BufferClaim claim = new BufferClaim();

  private Image image;
  private boolean leftGracefully;

  private final Chunk nothing = new Chunk();
  private final Chunk arrived = new Chunk();

  private ChunkHandler handler;
  private int delivered;
  private boolean refused;
  private Throwable failure;

  private long checkedAt = System.nanoTime();
  private long deadSince;
  private boolean isDead;
  private boolean isDrained;

  /// `process` is the peer's process where it can be seen from here and is not this one.
  AeronLink(
      String peerName,
      ExclusivePublication publication,
      Subscription subscription,
      LinkPackets packets,
      Optional<ProcessHandle> process) {
    this.peerName = peerName;
    this.publication = publication;
    this.subscription = subscription;
    this.packets = packets;
    this.process = process;
  }

  boolean offer(Chunk chunk) {
    return offer(Packet.DATA, chunk);
  }

  /// Sends what this side has to say while connecting. Returns whether all is said for now.
  boolean offerHello() {
    for (long kind = packets.greeting(); kind != LinkPackets.NOTHING; kind = packets.greeting()) {
      if (!offer(kind, nothing)) {
        return false;
      }
    }
    return true;
  }

  boolean offerGoodbye() {
    return !publication.isClosed() && offer(Packet.GOODBYE, nothing);
  }

  private boolean offer(long kind, Chunk chunk) {
    int bytes = packets.bytes(kind, chunk);
    while (bytes != LinkPackets.NO_ROOM) {
      long position = publication.tryClaim(bytes, claim);
      if (position > 0) {
        packets.write(claim.buffer(), claim.offset(), kind, chunk);
        claim.commit();
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
    return false;
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
    try {
      long kind = packets.read(buffer, offset, length, header, arrived);
      if (kind == Packet.DATA) {
        return deliver();
      }
      if (kind == Packet.HELLO) {
        image = (Image) header.context();
      } else if (kind == Packet.GOODBYE) {
        leftGracefully = true;
      }
      return Action.CONTINUE;
    } catch (Throwable e) {
      failure = e;
      return Action.BREAK;
    }
  }

  private Action deliver() {
    boolean accepts = true;
    try {
      accepts = handler.accepts(arrived);
      if (accepts) {
        delivered++;
        handler.onChunk(arrived);
      }
    } finally {
      // After an exception the chunk counts as taken.
      if (accepts) {
        packets.taken();
      }
    }
    refused |= !accepts;
    return accepts ? Action.CONTINUE : Action.ABORT;
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

  Strangers strangers() {
    return packets.strangers();
  }
}
