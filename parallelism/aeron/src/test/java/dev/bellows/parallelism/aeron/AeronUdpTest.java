package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.TransportConformance;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// A media driver per rank and UDP between all of them.
class AeronUdpTest extends TransportConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", 8_192);
  }

  /// Each rank has a driver's thread here, and the cores are few.
  @Override
  protected int[] worldSizes() {
    return new int[] {1, 2, 3};
  }

  @Override
  protected int[] fewWorldSizes() {
    return new int[] {2, 3};
  }

  @AfterAll
  static void leavesNothingBehind() throws IOException {
    SharedMemoryTest.assertNothingOfThisProcess();
  }

  @Override
  protected int largeElements() {
    return 200_003;
  }
}
