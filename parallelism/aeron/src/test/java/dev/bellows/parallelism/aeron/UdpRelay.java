package dev.bellows.parallelism.aeron;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;

/// A bad network on the loopback interface: forwards datagrams both ways and loses, doubles and overtakes some, seeded. Aeron's own loss generators
/// only lose. Thread-safe; one thread of its own does the work.
final class UdpRelay implements AutoCloseable {
  private static final int LARGEST = 65_536;
  private static final int SOCKET_BUFFER = 2 << 20;
  private static final long HOLD_NANOS = 1_000_000;

  private final Selector selector;
  private final Random random;
  private final double loss;
  private final double duplication;
  private final double overtaking;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(LARGEST);
  private final List<DatagramChannel> channels = new ArrayList<>();
  private final Queue<Front> arriving = new ConcurrentLinkedQueue<>();
  private final ArrayDeque<Held> held = new ArrayDeque<>();
  private final Thread thread;
  private volatile boolean closed;
  private volatile boolean cut;
  private volatile long lost;
  private volatile long doubled;
  private volatile long overtaken;

  /// Where senders send to instead of `target`.
  private record Front(
      DatagramChannel channel, InetSocketAddress target, Map<SocketAddress, Back> backs) {}

  /// What `client` of a front is to the target, so that answers find their way.
  private record Back(DatagramChannel channel, SocketAddress client, DatagramChannel front) {}

  /// A datagram that others overtake.
  private record Held(ByteBuffer bytes, DatagramChannel channel, SocketAddress to, long until) {}

  /// Each datagram is lost, doubled or overtaken with these probabilities.
  UdpRelay(long seed, double loss, double duplication, double overtaking) {
    this.random = new Random(seed);
    this.loss = loss;
    this.duplication = duplication;
    this.overtaking = overtaking;
    try {
      this.selector = Selector.open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.thread = Thread.ofPlatform().daemon().name("udp-relay").unstarted(this::run);
    thread.start();
  }

  /// An address whose datagrams reach `target`.
  String front(String target) {
    int colon = target.lastIndexOf(':');
    try {
      DatagramChannel channel = channel();
      channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      InetSocketAddress to =
          new InetSocketAddress(
              target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)));
      arriving.add(new Front(channel, to, new HashMap<>()));
      selector.wakeup();
      return "127.0.0.1:" + ((InetSocketAddress) channel.getLocalAddress()).getPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// From now on nothing gets through.
  void cut() {
    cut = true;
  }

  long lost() {
    return lost;
  }

  long doubled() {
    return doubled;
  }

  long overtaken() {
    return overtaken;
  }

  private DatagramChannel channel() throws IOException {
    DatagramChannel channel = DatagramChannel.open();
    channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER);
    channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER);
    channel.configureBlocking(false);
    synchronized (channels) {
      channels.add(channel);
    }
    return channel;
  }

  private void run() {
    try {
      while (!closed) {
        if (held.isEmpty()) {
          selector.select();
        } else {
          selector.select(1);
        }
        for (Front front = arriving.poll(); front != null; front = arriving.poll()) {
          front.channel().register(selector, SelectionKey.OP_READ, front);
        }
        for (SelectionKey key : selector.selectedKeys()) {
          if (key.attachment() instanceof Front front) {
            forward(front);
          } else if (key.attachment() instanceof Back back) {
            answer(back);
          }
        }
        selector.selectedKeys().clear();
        release();
      }
    } catch (IOException e) {
      if (!closed) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private void forward(Front front) throws IOException {
    SocketAddress client;
    while ((client = front.channel().receive(buffer.clear())) != null) {
      Back back = front.backs().get(client);
      if (back == null) {
        DatagramChannel channel = channel();
        channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        back = new Back(channel, client, front.channel());
        front.backs().put(client, back);
        channel.register(selector, SelectionKey.OP_READ, back);
      }
      pass(back.channel(), front.target());
    }
  }

  private void answer(Back back) throws IOException {
    while (back.channel().receive(buffer.clear()) != null) {
      pass(back.front(), back.client());
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
  private void pass(DatagramChannel channel, SocketAddress to) throws IOException {
    buffer.flip();
    if (cut || random.nextDouble() < loss) {
      lost++;
      return;
    }
    if (random.nextDouble() < overtaking) {
      ByteBuffer copy = ByteBuffer.allocate(buffer.remaining()).put(buffer).flip();
      held.add(new Held(copy, channel, to, System.nanoTime() + HOLD_NANOS));
      overtaken++;
      return;
    }
    if (random.nextDouble() < duplication) {
      send(channel, buffer.duplicate(), to);
      doubled++;
    }
    send(channel, buffer, to);
  }

  private void release() throws IOException {
    while (!held.isEmpty() && held.peek().until() - System.nanoTime() <= 0) {
      Held next = held.pop();
      send(next.channel(), next.bytes(), next.to());
    }
  }

  private static void send(DatagramChannel channel, ByteBuffer bytes, SocketAddress to)
      throws IOException {
    try {
      channel.send(bytes, to);
    } catch (PortUnreachableException e) {
      // Whoever listened there has left, as on any network.
    }
  }

  @Override
  public void close() {
    closed = true;
    selector.wakeup();
    try {
      thread.join();
      selector.close();
      synchronized (channels) {
        for (DatagramChannel channel : channels) {
          channel.close();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
