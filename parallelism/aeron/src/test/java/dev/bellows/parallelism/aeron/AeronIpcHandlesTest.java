package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.HandlesConformance;
import dev.bellows.parallelism.RankGroup;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// All ranks on one host: shared memory.
class AeronIpcHandlesTest extends HandlesConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "auto", 8_192);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {2, 4};
  }

  @Override
  protected int operations() {
    return 60;
  }

  @AfterAll
  static void leavesNothingBehind() throws IOException {
    SharedMemoryTest.assertNothingOfThisProcess();
  }
}
