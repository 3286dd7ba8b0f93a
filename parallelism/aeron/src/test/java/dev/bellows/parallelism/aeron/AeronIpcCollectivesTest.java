package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.CollectivesConformance;
import dev.bellows.parallelism.RankGroup;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// All ranks on one host: shared memory.
class AeronIpcCollectivesTest extends CollectivesConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "auto", 8_192);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {2, 3};
  }

  @Override
  protected int[] mixedWorldSizes() {
    return new int[] {5};
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
