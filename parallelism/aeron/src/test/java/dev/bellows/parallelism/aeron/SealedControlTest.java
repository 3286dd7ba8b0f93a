package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.ControlConformance;
import dev.bellows.parallelism.ControlEndpoint;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.security.RunKey;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The control plane with a run key.
@Timeout(60)
class SealedControlTest extends ControlConformance {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(10);

  @Override
  protected TransportProvider provider() {
    return new Keyed(RunKey.fresh());
  }

  /// Opens every endpoint with one key.
  private record Keyed(RunKey key) implements TransportProvider {
    @Override
    public String name() {
      return "aeron";
    }

    @Override
    public ControlEndpoint openControl(String host, int port) {
      return new AeronTransportProvider().openControl(host, port, key);
    }

    @Override
    public String reserveDataAddress(String host) {
      return new AeronTransportProvider().reserveDataAddress(host);
    }

    @Override
    public Transport open(TransportOptions options) {
      return new AeronTransportProvider().open(options);
    }
  }

  @Test
  void messagesOfStrangersAreDroppedAndCounted() throws Exception {
    RunKey key = RunKey.fresh();
    AeronTransportProvider network = new AeronTransportProvider();
    try (ControlEndpoint driver = network.openControl("127.0.0.1", 0, key);
        ControlEndpoint worker = network.openControl("127.0.0.1", 0, key);
        ControlEndpoint wrongKey = network.openControl("127.0.0.1", 0, RunKey.fresh());
        ControlEndpoint inClear = network.openControl("127.0.0.1", 0)) {
      byte[] evil = {6, 6, 6};
      assertTrue(wrongKey.send(driver.address(), evil, PATIENCE));
      assertTrue(inClear.send(driver.address(), evil, PATIENCE));
      assertTrue(worker.send(driver.address(), new byte[] {1}, PATIENCE));
      List<byte[]> inbox = new ArrayList<>();
      pollUntil(driver, inbox, 1, 2);
      assertEquals(1, inbox.size());
      assertArrayEquals(new byte[] {1}, inbox.getFirst());
      assertEquals(2, driver.strangers());
      // The other way round a message with a key means nothing to an endpoint without one.
      assertTrue(worker.send(inClear.address(), new byte[] {2}, PATIENCE));
      List<byte[]> clearInbox = new ArrayList<>();
      pollUntil(inClear, clearInbox, 1, 0);
      assertTrue(clearInbox.getFirst().length > 1);
    }
  }

  private static void pollUntil(
      ControlEndpoint endpoint, List<byte[]> inbox, int messages, int strangers)
      throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE;
    while (inbox.size() < messages || endpoint.strangers() < strangers) {
      if (endpoint.poll(inbox::add) == 0) {
        Thread.sleep(1);
      }
      assertTrue(
          System.nanoTime() < deadline,
          inbox.size() + " messages, " + endpoint.strangers() + " strangers");
    }
  }
}
