package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.CollectivesConformance;
import dev.bellows.parallelism.RankGroup;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;

/// UDP that loses, doubles and reorders datagrams: everything arrives, once, in order, and nothing hangs.
class FaultyUdpCollectivesTest extends CollectivesConformance {
  private static long lost;
  private static long doubled;
  private static long overtaken;

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
  void count() {
    relay.close();
    lost += relay.lost();
    doubled += relay.doubled();
    overtaken += relay.overtaken();
  }

  /// The control: all three happened, many times.
  @AfterAll
  static void theNetworkWasBad() {
    assertTrue(lost > 50, lost + " datagrams were lost");
    assertTrue(doubled > 50, doubled + " datagrams were doubled");
    assertTrue(overtaken > 50, overtaken + " datagrams were overtaken");
  }
}
