package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.security.MessageSeal;
import dev.bellows.parallelism.security.RunKey;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.RegistrationException;
import io.aeron.logbuffer.Header;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A control endpoint: one UDP subscription on its own address, one publication per address that it sends to.
final class AeronControl implements ControlEndpoint {
  private static final Logger LOG = LoggerFactory.getLogger(AeronControl.class);

  /// A message may take an eighth of a term.
  static final int MAX_MESSAGE_BYTES = 65_536;

  /// Twice what the largest message needs, for what sealing adds to it.
  static final int TERM_BYTES = 16 * MAX_MESSAGE_BYTES;

  private static final int STREAM = 77;
  private static final int BURST = 64;
  private static final long PAUSE_NANOS = 200_000;

  private final ControlPlane plane;
  private final String address;
  private final Optional<MessageSeal> seal;
  private final Strangers strangers;
  private final Subscription subscription;
  private final Map<String, ExclusivePublication> publications = new HashMap<>();
  private final FragmentAssembler assembler =
      new FragmentAssembler(
          (buffer, offset, length, header) -> take(buffer, offset, length, header),
          MAX_MESSAGE_BYTES);
  private Consumer<byte[]> handler = message -> {};
  private RuntimeException failure;
  private int taken;
  private boolean closed;

  private AeronControl(ControlPlane plane, Subscription subscription, String address, RunKey key) {
    this.plane = plane;
    this.subscription = subscription;
    this.address = address;
    this.seal = key.isNone() ? Optional.empty() : Optional.of(new MessageSeal(key, address));
    this.strangers = new Strangers("the control endpoint " + address);
  }

  static AeronControl open(String host, int port, RunKey key) {
    if (port != 0) {
      return open(host + ":" + port, key);
    }
    // Not Aeron's own choice of a port: a successor at the same address could then not share the
    // channel while old images linger.
    String address = UdpPorts.reserveAny(host);
    UdpPorts.release(address);
    return open(address, key);
  }

  private static AeronControl open(String address, RunKey key) {
    ControlPlane plane = ControlPlane.acquire();
    if (!plane.claim(address)) {
      plane.release();
      throw inUse(address);
    }
    try {
      return new AeronControl(
          plane,
          plane.aeron().addSubscription("aeron:udp?endpoint=" + address, STREAM),
          address,
          key);
    } catch (RegistrationException e) {
      plane.free(address);
      plane.release();
      String message = String.valueOf(e.getMessage());
      throw message.contains("in use")
          ? inUse(address)
          : new IllegalStateException(
              "no control endpoint can be opened on " + address + ": " + message, e);
    }
  }

  private static IllegalStateException inUse(String address) {
    return new IllegalStateException("port " + address + " is in use; choose another or 0 for any");
  }

  @Override
  public String address() {
    return address;
  }

  @Override
  public boolean send(String target, byte[] message, long timeoutNanos) {
    if (message.length > MAX_MESSAGE_BYTES || message.length == 0) {
      throw new IllegalArgumentException(
          "a control message has "
              + message.length
              + " bytes but must have 1 to "
              + MAX_MESSAGE_BYTES);
    }
    long deadline = System.nanoTime() + timeoutNanos;
    // Sealed once: it is the same message at every attempt.
    byte[] packet = seal.isPresent() ? seal.get().seal(target, message) : message;
    DirectBuffer buffer = new UnsafeBuffer(packet);
    while (true) {
      long position = Publication.CLOSED;
      synchronized (publications) {
        ExclusivePublication publication = publication(target);
        if (publication != null) {
          position = publication.offer(buffer, 0, packet.length);
          if (position > 0) {
            return true;
          }
          if (position == Publication.CLOSED || position == Publication.MAX_POSITION_EXCEEDED) {
            forget(target);
          }
        }
      }
      if (System.nanoTime() - deadline >= 0) {
        return false;
      }
      if (position != Publication.ADMIN_ACTION) {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  /// The link to `target`; null while the name cannot be resolved.
  private ExclusivePublication publication(String target) {
    if (plane.aeron().isClosed() || closed) {
      throw new IllegalStateException("the control endpoint " + address + " is closed");
    }
    ExclusivePublication publication = publications.get(target);
    if (publication == null) {
      try {
        publication =
            plane
                .aeron()
                .addExclusivePublication(
                    "aeron:udp?endpoint=" + target + "|term-length=" + TERM_BYTES + "|linger=500ms",
                    STREAM);
        publications.put(target, publication);
      } catch (RegistrationException e) {
        LOG.debug("no link to {}: {}", target, e.getMessage());
      }
    }
    return publication;
  }

  @Override
  public int poll(Consumer<byte[]> handler) {
    this.handler = handler;
    taken = 0;
    while (failure == null && subscription.poll(assembler, BURST) == BURST) {}
    if (failure != null) {
      RuntimeException thrown = failure;
      failure = null;
      throw thrown;
    }
    return taken;
  }

  /// Aeron would swallow an exception of the handler; the messages behind it are still handed over, then it is thrown.
  private void take(DirectBuffer buffer, int offset, int length, Header header) {
    byte[] packet = new byte[length];
    buffer.getBytes(offset, packet);
    Optional<byte[]> message =
        seal.isPresent()
            ? seal.get().open(packet, why -> strangers.count(why, header))
            : Optional.of(packet);
    if (message.isEmpty()) {
      return;
    }
    taken++;
    try {
      handler.accept(message.get());
    } catch (RuntimeException e) {
      if (failure == null) {
        failure = e;
      }
    }
  }

  @Override
  public long strangers() {
    return strangers.total();
  }

  @Override
  public void forget(String target) {
    synchronized (publications) {
      ExclusivePublication publication = publications.remove(target);
      if (publication != null) {
        publication.close();
      }
    }
  }

  @Override
  public void close() {
    synchronized (publications) {
      if (closed) {
        return;
      }
      closed = true;
      publications.values().forEach(ExclusivePublication::close);
      publications.clear();
    }
    subscription.close();
    plane.free(address);
    plane.release();
  }
}
