package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.CollectivesConformance;
import dev.bellows.parallelism.RankGroup;
import org.junit.jupiter.api.AfterEach;

/// UDP that loses, doubles and reorders datagrams: everything arrives, once, in order, and nothing hangs.
class FaultyUdpCollectivesTest extends CollectivesConformance {
  private final UdpRelay relay = new UdpRelay(20_260_401L, 0.01, 0.02, 0.02);

  @Override
  protected RankGroup ranks() {
    return RelayedProvider.ranks(relay);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {3};
  }

  @Override
  protected boolean isThorough() {
    return false;
  }

  @Override
  protected boolean isLossy() {
    return true;
  }

  @AfterEach
  void theNetworkWasBad() {
    relay.close();
    assertTrue(relay.lost() > 0 || relay.doubled() > 0 || relay.overtaken() > 0);
  }
}
