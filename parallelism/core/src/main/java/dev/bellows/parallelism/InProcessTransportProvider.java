package dev.bellows.parallelism;

import dev.bellows.parallelism.security.RunKey;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Both planes inside one JVM: ranks are threads, addresses are names. All ranks, and their coordinator, share one instance.
/// Thread-safe.
public final class InProcessTransportProvider implements TransportProvider {
  private static final int WAITING_MESSAGES = 1024;
  private static final int MAX_MESSAGE_BYTES = 65_536;

  private final int chunkBytes;
  private final int slots;
  private final Map<String, Meeting> meetings = new HashMap<>();
  private final Map<String, Mailbox> mailboxes = new ConcurrentHashMap<>();
  private int lastPort = 40_000;

  /// Chunks of 64 KiB, 16 in flight between two ranks.
  public InProcessTransportProvider() {
    this(65_536, 16);
  }

  /// Chunks of `chunkBytes` (a multiple of 64), `slots` of them in flight from one rank to another.
  public InProcessTransportProvider(int chunkBytes, int slots) {
    this.chunkBytes = chunkBytes;
    this.slots = slots;
  }

  @Override
  public String name() {
    return "in-process";
  }

  @Override
  public synchronized ControlEndpoint openControl(String host, int port) {
    int chosen = port;
    while (chosen == 0 || port == 0 && mailboxes.containsKey(address(host, chosen))) {
      chosen = ++lastPort;
    }
    String address = address(host, chosen);
    Mailbox mailbox = new Mailbox(address);
    if (mailboxes.putIfAbsent(address, mailbox) != null) {
      throw new IllegalStateException(
          "port " + port + " on " + host + " is in use; choose another or 0 for any");
    }
    return mailbox;
  }

  /// The same with a key as without: what stays inside one process has nothing to hide from it.
  @Override
  public ControlEndpoint openControl(String host, int port, RunKey key) {
    return openControl(host, port);
  }

  private static String address(String host, int port) {
    return host + ":" + port;
  }

  @Override
  public String reserveDataAddress(String host) {
    return name();
  }

  /// The ranks of one generation on their way in; leaves the map when all are there.
  private static final class Meeting {
    private final InProcessTransport.Fabric fabric;
    private final boolean[] present;
    private int missing;

    Meeting(InProcessTransport.Fabric fabric, int worldSize) {
      this.fabric = fabric;
      this.present = new boolean[worldSize];
      this.missing = worldSize;
    }
  }

  @Override
  public synchronized Transport open(TransportOptions options) {
    int world = options.peers().size();
    String key = options.runId() + "/" + options.generation() + "/" + world;
    Meeting meeting =
        meetings.computeIfAbsent(
            key, k -> new Meeting(new InProcessTransport.Fabric(world, chunkBytes, slots), world));
    if (meeting.present[options.rank()]) {
      throw new IllegalStateException(
          "rank "
              + options.rank()
              + " of generation "
              + options.generation()
              + " is already connecting");
    }
    meeting.present[options.rank()] = true;
    if (--meeting.missing == 0) {
      meetings.remove(key);
      notifyAll();
    }
    awaitAll(meeting, key, options);
    return new InProcessTransport(
        meeting.fabric, options.rank(), options.peers().stream().map(Peer::host).toList());
  }

  private void awaitAll(Meeting meeting, String key, TransportOptions options) {
    long deadline = System.nanoTime() + options.timeoutNanos();
    while (meeting.missing > 0) {
      long left = deadline - System.nanoTime();
      int absent = firstAbsent(meeting.present);
      if (left <= 0) {
        leave(meeting, key, options.rank());
        throw new PeerLostException(
            absent,
            "rank "
                + absent
                + " did not connect within "
                + options.timeoutNanos() / 1_000_000
                + " ms");
      }
      try {
        TimeUnit.NANOSECONDS.timedWait(this, Math.max(1_000_000, left));
      } catch (InterruptedException e) {
        leave(meeting, key, options.rank());
        Thread.currentThread().interrupt();
        throw new PeerLostException(
            absent,
            "interrupted while rank "
                + options.rank()
                + " waited for rank "
                + absent
                + " to connect");
      }
    }
  }

  private void leave(Meeting meeting, String key, int rank) {
    meeting.present[rank] = false;
    meeting.missing++;
    if (meeting.missing == meeting.present.length) {
      meetings.remove(key);
    }
  }

  private static int firstAbsent(boolean[] present) {
    for (int rank = 0; rank < present.length; rank++) {
      if (!present[rank]) {
        return rank;
      }
    }
    throw new IllegalStateException("all of " + Arrays.toString(present) + " are there");
  }

  private final class Mailbox implements ControlEndpoint {
    private final String address;
    private final BlockingQueue<byte[]> waiting = new ArrayBlockingQueue<>(WAITING_MESSAGES);

    Mailbox(String address) {
      this.address = address;
    }

    @Override
    public String address() {
      return address;
    }

    @Override
    public boolean send(String target, byte[] message, long timeoutNanos) {
      if (message.length > MAX_MESSAGE_BYTES) {
        throw new IllegalArgumentException(
            "a control message of "
                + message.length
                + " bytes is larger than "
                + MAX_MESSAGE_BYTES);
      }
      byte[] copy = message.clone();
      long deadline = System.nanoTime() + timeoutNanos;
      try {
        while (true) {
          Mailbox mailbox = mailboxes.get(target);
          if (mailbox != null && mailbox.waiting.offer(copy)) {
            return true;
          }
          if (deadline - System.nanoTime() <= 0) {
            return false;
          }
          Thread.sleep(1);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }

    @Override
    public int poll(Consumer<byte[]> handler) {
      int count = 0;
      for (byte[] message = waiting.poll(); message != null; message = waiting.poll()) {
        handler.accept(message);
        count++;
      }
      return count;
    }

    @Override
    public void forget(String target) {}

    @Override
    public void close() {
      mailboxes.remove(address, this);
    }
  }
}
