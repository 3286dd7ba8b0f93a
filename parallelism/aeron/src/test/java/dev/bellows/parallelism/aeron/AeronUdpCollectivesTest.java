package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.CollectivesConformance;
import dev.bellows.parallelism.RankGroup;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// A media driver per rank and UDP between all of them.
class AeronUdpCollectivesTest extends CollectivesConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", 8_192);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {2, 3};
  }

  @Override
  protected int[] mixedWorldSizes() {
    return new int[] {3};
  }

  @Override
  protected boolean isThorough() {
    return false;
  }

  @AfterAll
  static void leavesNothingBehind() throws IOException {
    SharedMemoryTest.assertNothingOfThisProcess();
  }
}
