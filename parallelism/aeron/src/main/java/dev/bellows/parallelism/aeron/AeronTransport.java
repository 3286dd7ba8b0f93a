package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import io.aeron.Aeron;
import io.aeron.exceptions.DriverTimeoutException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A rank's links to all others, over the media driver of its host. Made by [DataPlane].
final class AeronTransport implements Transport {
  private static final Logger LOG = LoggerFactory.getLogger(AeronTransport.class);
  private static final long GOODBYE_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long FLUSH_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final TransportOptions options;
  private final DataPlane plane;
  private final AeronLink[] links;
  private final int maxChunkBytes;
  private boolean closed;

  /// `links` by rank; this rank's own is null.
  AeronTransport(TransportOptions options, DataPlane plane, AeronLink[] links, int maxChunkBytes) {
    this.options = options;
    this.plane = plane;
    this.links = links;
    this.maxChunkBytes = maxChunkBytes;
  }

  @Override
  public int rank() {
    return options.rank();
  }

  @Override
  public int worldSize() {
    return links.length;
  }

  @Override
  public int maxChunkBytes() {
    return maxChunkBytes;
  }

  @Override
  public boolean offer(int peer, Chunk chunk) {
    if (chunk.length() > maxChunkBytes) {
      throw new IllegalArgumentException(
          "a chunk of " + chunk.length() + " bytes is larger than " + maxChunkBytes);
    }
    requireDriver();
    try {
      return link(peer).offer(chunk);
    } catch (IllegalStateException e) {
      // The client may have been closed between the check and the offer.
      requireDriver();
      throw e;
    }
  }

  @Override
  public int poll(int peer, ChunkHandler handler, int limit) {
    requireDriver();
    return link(peer).poll(handler, limit);
  }

  private AeronLink link(int peer) {
    if (peer == rank()) {
      throw new IllegalArgumentException("rank " + peer + " has no link to itself");
    }
    return links[peer];
  }

  /// Errors: [PeerLostException] that names the media driver's owner when the driver is gone.
  private void requireDriver() {
    Aeron aeron = plane.aeron();
    if (closed) {
      throw new IllegalStateException("the transport of rank " + rank() + " is closed");
    }
    if (aeron.isClosed()) {
      if (plane.clientError() instanceof DriverTimeoutException && plane.driverOwner() != rank()) {
        throw new PeerLostException(
            plane.driverOwner(),
            describe(plane.driverOwner())
                + " is gone, and with it the media driver that rank "
                + rank()
                + " uses");
      }
      throw new IllegalStateException(
          "rank "
              + rank()
              + " lost its media driver because this process did not run for more than "
              + Drivers.DATA_LIVENESS_MILLIS
              + " ms: "
              + plane.clientError());
    }
  }

  @Override
  public String describe(int peer) {
    Peer at = options.peers().get(peer);
    return "rank " + peer + " (host " + at.host() + ", pid " + at.pid() + ")";
  }

  @Override
  public String host(int peer) {
    return options.peers().get(peer).host();
  }

  @Override
  public boolean isLost(int peer) {
    // A dead driver takes all images with it, so only its owner is to blame; offer and poll say so.
    return plane.aeron().isClosed() ? peer == plane.driverOwner() : link(peer).isLost();
  }

  @Override
  public long strangers() {
    long sum = 0;
    for (AeronLink link : links) {
      sum += link == null ? 0 : link.strangers().total();
    }
    return sum;
  }

  /// What was dropped on the stream from `peer`.
  Strangers strangers(int peer) {
    return link(peer).strangers();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      if (!plane.aeron().isClosed()) {
        sayGoodbye();
      }
    } catch (IllegalStateException e) {
      // The driver went away in the middle: there is nobody left to say goodbye to.
      LOG.debug("closing rank {} without a goodbye: {}", rank(), e.toString());
    } finally {
      plane.close();
    }
  }

  /// The owner of a driver must not take it away before the peers have read what was sent, so it waits for their goodbye, but not long:
  /// they may hang. For the others the driver keeps what they sent.
  private void sayGoodbye() {
    boolean[] said = new boolean[links.length];
    long deadline = System.nanoTime() + GOODBYE_NANOS;
    boolean waiting = true;
    while (waiting && System.nanoTime() < deadline && !plane.aeron().isClosed()) {
      waiting = false;
      for (int peer = 0; peer < links.length; peer++) {
        if (peer != rank()) {
          links[peer].poll(chunk -> {}, 64);
          boolean lost = links[peer].isLost();
          said[peer] = said[peer] || links[peer].offerGoodbye();
          waiting |= !lost && (!said[peer] || plane.ownsDriver());
        }
      }
      if (waiting) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
      }
    }
    if (plane.ownsDriver()) {
      // The driver's thread still has to put the last goodbye on the wire.
      LockSupport.parkNanos(FLUSH_NANOS);
    }
  }
}
