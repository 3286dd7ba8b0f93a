package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.TransportConformance;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// All ranks on one host: shared memory.
class AeronIpcTest extends TransportConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "auto", 8_192);
  }

  @Override
  protected int[] fewWorldSizes() {
    return new int[] {2, 3};
  }

  @AfterAll
  static void leavesNothingBehind() throws IOException {
    SharedMemoryTest.assertNothingOfThisProcess();
  }
}
