package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.Handshake;
import dev.bellows.parallelism.security.StreamName;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.exceptions.AeronException;
import io.aeron.exceptions.DriverTimeoutException;
import io.aeron.exceptions.RegistrationException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.agrona.ErrorHandler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Connects one rank of one generation and owns what that takes: the client, and on the driver's owner the media driver and its folder.
final class DataPlane implements ErrorHandler, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DataPlane.class);
  private static final long PAUSE_NANOS = 500_000;
  private static final long ERROR_ARRIVES_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final TransportOptions options;
  private final DataChannels channels;
  private final long deadline;
  private final int driverOwner;
  private final Path folder;
  private final List<RingPair> rings = new ArrayList<>();
  private Optional<MediaDriver> driver = Optional.empty();
  private Aeron aeron;
  private boolean heldPort;
  private Optional<SealBuffers> buffers = Optional.empty();
  private volatile Throwable clientError;

  private DataPlane(TransportOptions options) {
    this.options = options;
    this.channels = new DataChannels(options);
    this.deadline = System.nanoTime() + options.timeoutNanos();
    this.driverOwner = channels.driverOwner();
    String name =
        "data-"
            + Long.toHexString(options.runId())
            + "-"
            + options.generation()
            + "-"
            + driverOwner;
    this.folder = SharedMemory.folder(name, options.peers().get(driverOwner).pid());
  }

  static Transport open(TransportOptions options) {
    DataPlane plane = new DataPlane(options);
    try {
      plane.connect();
      AeronLink[] links = plane.link();
      plane.greet(links);
      return new AeronTransport(options, plane, links, plane.channels.maxChunkBytes());
    } catch (Throwable e) {
      plane.close();
      throw e;
    }
  }

  Aeron aeron() {
    return aeron;
  }

  /// The rank whose process runs the media driver.
  int driverOwner() {
    return driverOwner;
  }

  boolean ownsDriver() {
    return driverOwner == options.rank();
  }

  /// Why the client was closed. It may be told a moment after the client is seen to be closed.
  Throwable clientError() {
    long until = System.nanoTime() + ERROR_ARRIVES_NANOS;
    while (clientError == null && System.nanoTime() < until) {
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    return clientError;
  }

  @Override
  public void onError(Throwable error) {
    LOG.debug("Aeron client of rank {}: {}", options.rank(), error.toString());
    if (clientError == null || error instanceof DriverTimeoutException) {
      clientError = error;
    }
  }

  private void connect() {
    if (ownsDriver()) {
      SharedMemory.sweep();
      SharedMemory.require(channels.sharedMemoryBytes());
      driver = Optional.of(Drivers.launchData(folder, "rank-" + options.rank()));
    }
    Optional<ProcessHandle> owner = process(driverOwner);
    while (!Files.exists(Drivers.counters(folder))) {
      pause(driverOwner, owner, "did not start its media driver");
    }
    while (aeron == null) {
      try {
        aeron =
            Drivers.connect(folder, "rank-" + options.rank(), Drivers.DATA_LIVENESS_MILLIS, this);
      } catch (AeronException e) {
        // The driver is still starting, or it died while it did.
        pause(driverOwner, owner, "has a media driver that does not answer: " + e.getMessage());
      }
    }
  }

  /// The process of `peer` when it is another one on this host and can be seen from here.
  private Optional<ProcessHandle> process(int peer) {
    Peer at = options.peers().get(peer);
    boolean other =
        at.host().equals(options.peers().get(options.rank()).host())
            && at.pid() != ProcessHandle.current().pid();
    return other ? ProcessHandle.of(at.pid()).filter(ProcessHandle::isAlive) : Optional.empty();
  }

  /// One turn of waiting for `peer` while connecting. Errors: [PeerLostException] at the deadline or when its process is dead.
  private void pause(int peer, Optional<ProcessHandle> process, String complaint) {
    Peer at = options.peers().get(peer);
    String who =
        "rank "
            + peer
            + " (host "
            + at.host()
            + ", pid "
            + at.pid()
            + ", "
            + at.dataAddress()
            + ") ";
    if (process.isPresent() && !process.get().isAlive()) {
      throw new PeerLostException(
          peer, who + "died while rank " + options.rank() + " was connecting to it");
    }
    if (System.nanoTime() - deadline > 0) {
      throw new PeerLostException(
          peer, who + complaint + " within " + options.timeoutNanos() / 1_000_000 + " ms");
    }
    if (Thread.interrupted()) {
      Thread.currentThread().interrupt();
      throw new PeerLostException(
          peer, "interrupted while rank " + options.rank() + " was connecting to rank " + peer);
    }
    LockSupport.parkNanos(PAUSE_NANOS);
  }

  private AeronLink[] link() {
    int world = options.peers().size();
    int rank = options.rank();
    AeronLink[] links = new AeronLink[world];
    heldPort = UdpPorts.release(options.peers().get(rank).dataAddress());
    for (int peer = 0; peer < world; peer++) {
      if (peer != rank) {
        Peer at = options.peers().get(peer);
        String name = "rank " + peer + " (host " + at.host() + ", pid " + at.pid() + ")";
        Subscription subscription = listen(peer);
        ExclusivePublication publication =
            aeron.addExclusivePublication(channels.publication(peer), channels.stream(rank, peer));
        links[peer] =
            new AeronLink(name, publication, subscription, packets(peer, name), process(peer));
      }
    }
    return links;
  }

  /// With a run key everything that leaves through a socket is sealed. Shared memory is not: who can read the driver's folder, which is its
  /// owner's alone, can read the memory of our processes too.
  private LinkPackets packets(int peer, String name) {
    Strangers strangers = new Strangers("rank " + options.rank() + ", listening to " + name + ",");
    if (options.key().isNone() || channels.isLocal(peer)) {
      return new PlainPackets(
          Packet.plain(options.runId(), options.generation()), rings(peer), strangers);
    }
    if (buffers.isEmpty()) {
      buffers = Optional.of(new SealBuffers(channels.maxChunkBytes()));
    }
    return new SealedPackets(
        Packet.sealed(options.runId(), options.generation()),
        new Handshake(
            options.key(), streamName(options.rank(), peer), streamName(peer, options.rank())),
        buffers.get(),
        peer,
        name,
        strangers);
  }

  private StreamName streamName(int from, int to) {
    return new StreamName(
        "data",
        options.runId(),
        options.generation(),
        channels.stream(from, to),
        attempt(from),
        attempt(to));
  }

  private String attempt(int rank) {
    Peer at = options.peers().get(rank);
    return "rank "
        + rank
        + " attempt "
        + at.attempt()
        + " pid "
        + at.pid()
        + " host "
        + at.host()
        + " at "
        + at.dataAddress();
  }

  private Optional<RingPair> rings(int peer) {
    if (!channels.isLocal(peer)) {
      return Optional.empty();
    }
    RingPair pair = new RingPair(folder, options.rank(), peer);
    rings.add(pair);
    return Optional.of(pair);
  }

  private Subscription listen(int peer) {
    try {
      return aeron.addSubscription(
          channels.subscription(peer), channels.stream(peer, options.rank()));
    } catch (RegistrationException e) {
      throw new IllegalStateException(
          "rank "
              + options.rank()
              + " cannot listen on "
              + options.peers().get(options.rank()).dataAddress()
              + ": "
              + e.getMessage(),
          e);
    }
  }

  /// Exchanges hellos with all peers. One packet at a time is taken, so nothing that a fast peer sends after its hello is lost.
  private void greet(AeronLink[] links) {
    boolean[] said = new boolean[links.length];
    for (int peer = 0; peer < links.length; peer++) {
      Optional<ProcessHandle> process = process(peer);
      while (peer != options.rank() && !(said[peer] && links[peer].isGreeted())) {
        for (int other = 0; other < links.length; other++) {
          if (other != options.rank()) {
            said[other] = links[other].offerHello();
            if (!links[other].isGreeted()) {
              links[other].poll(
                  chunk -> {
                    throw new IllegalStateException("a chunk came before the hello");
                  },
                  1);
            }
          }
        }
        if (!(said[peer] && links[peer].isGreeted())) {
          pause(peer, process, "did not connect to rank " + options.rank());
        }
      }
    }
  }

  /// Closes the client, and the driver when it is ours; deletes the folder also for an owner that died.
  @Override
  public void close() {
    if (aeron != null) {
      aeron.close();
    }
    driver.ifPresent(mine -> Drivers.close(mine, folder));
    rings.forEach(RingPair::close);
    buffers.ifPresent(SealBuffers::close);
    buffers = Optional.empty();
    if (ownsDriver() || !SharedMemory.isAlive(options.peers().get(driverOwner).pid())) {
      SharedMemory.delete(folder);
    }
    if (heldPort) {
      UdpPorts.reserve(options.peers().get(options.rank()).dataAddress());
    }
  }
}
