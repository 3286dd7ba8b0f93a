package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// What every control plane must do.
public abstract class ControlConformance {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /// The provider under test; one instance per test.
  protected abstract TransportProvider provider();

  private static void pollUntil(ControlEndpoint endpoint, List<byte[]> inbox, int count)
      throws InterruptedException {
    long deadline = System.nanoTime() + 15 * SECOND;
    while (inbox.size() < count) {
      if (endpoint.poll(inbox::add) == 0) {
        Thread.sleep(1);
      }
      assertTrue(System.nanoTime() < deadline, inbox.size() + " of " + count + " messages arrived");
    }
  }

  @Test
  void keepsTheOrderOfEachSender() throws Exception {
    TransportProvider provider = provider();
    try (ControlEndpoint a = provider.openControl("127.0.0.1", 0);
        ControlEndpoint b = provider.openControl("127.0.0.1", 0);
        ControlEndpoint hub = provider.openControl("127.0.0.1", 0)) {
      int messages = 200;
      List<byte[]> inbox = new ArrayList<>();
      for (int i = 0; i < messages; i++) {
        assertTrue(
            a.send(hub.address(), ByteBuffer.allocate(8).putInt(0).putInt(i).array(), 10 * SECOND));
        assertTrue(
            b.send(hub.address(), ByteBuffer.allocate(8).putInt(1).putInt(i).array(), 10 * SECOND));
        hub.poll(inbox::add);
      }
      pollUntil(hub, inbox, 2 * messages);
      int[] next = new int[2];
      for (byte[] message : inbox) {
        ByteBuffer buffer = ByteBuffer.wrap(message);
        assertEquals(next[buffer.getInt()]++, buffer.getInt(4));
      }
    }
  }

  @Test
  void carriesSixtyFourKibibytesBothWays() throws Exception {
    TransportProvider provider = provider();
    try (ControlEndpoint a = provider.openControl("127.0.0.1", 0);
        ControlEndpoint b = provider.openControl("127.0.0.1", 0)) {
      byte[] large = new byte[65_536];
      new Random(5).nextBytes(large);
      List<byte[]> inbox = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        assertTrue(a.send(b.address(), large, 10 * SECOND));
        pollUntil(b, inbox, i + 1);
      }
      assertTrue(b.send(a.address(), new byte[] {42}, 10 * SECOND));
      List<byte[]> answers = new ArrayList<>();
      pollUntil(a, answers, 1);
      assertArrayEquals(new byte[] {42}, answers.getFirst());
      for (byte[] message : inbox) {
        assertArrayEquals(large, message);
      }
      assertThrows(
          IllegalArgumentException.class, () -> a.send(b.address(), new byte[65_537], SECOND));
    }
  }

  @Test
  void givesUpOnAnUnreachableAddressInTime() {
    TransportProvider provider = provider();
    try (ControlEndpoint a = provider.openControl("127.0.0.1", 0)) {
      String gone;
      try (ControlEndpoint b = provider.openControl("127.0.0.1", 0)) {
        gone = b.address();
      }
      long start = System.nanoTime();
      assertFalse(a.send(gone, new byte[] {1}, SECOND / 2));
      long millis = (System.nanoTime() - start) / 1_000_000;
      assertTrue(millis >= 450 && millis < 1_500, millis + " ms for a timeout of 500 ms");
      a.forget(gone);
    }
  }

  @Test
  void reachesASuccessorAtTheSameAddress() throws Exception {
    TransportProvider provider = provider();
    try (ControlEndpoint a = provider.openControl("127.0.0.1", 0)) {
      String address;
      int port;
      try (ControlEndpoint b = provider.openControl("127.0.0.1", 0)) {
        address = b.address();
        port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
        assertTrue(a.send(address, new byte[] {1}, 10 * SECOND));
        pollUntil(b, new ArrayList<>(), 1);
      }
      a.forget(address);
      try (ControlEndpoint next = provider.openControl("127.0.0.1", port)) {
        assertEquals(address, next.address());
        List<byte[]> inbox = new ArrayList<>();
        assertTrue(a.send(address, new byte[] {2}, 10 * SECOND));
        pollUntil(next, inbox, 1);
        assertArrayEquals(new byte[] {2}, inbox.getFirst());
      }
    }
  }

  @Test
  void refusesAPortInUseInOneSentence() {
    TransportProvider provider = provider();
    try (ControlEndpoint a = provider.openControl("127.0.0.1", 0)) {
      int port = Integer.parseInt(a.address().substring(a.address().lastIndexOf(':') + 1));
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> provider.openControl("127.0.0.1", port));
      assertTrue(
          e.getMessage().contains(String.valueOf(port)) && e.getMessage().contains("in use"),
          e.getMessage());
    }
  }
}
