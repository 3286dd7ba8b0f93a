package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.CollectivesConformance;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.security.RunKey;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;

/// Encrypted UDP between all ranks.
class SealedUdpCollectivesTest extends CollectivesConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", 8_192)
        .with(RunKey.fresh());
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

  /// At most two thousand bytes for a packet, inside `javax.crypto`; a round is ten operations of at most six packets to or from each peer.
  @Override
  protected long allowedGarbage(int world) {
    return 15L * 10 * 6 * (world - 1) * 2_000;
  }

  @AfterAll
  static void leavesNothingBehind() throws IOException {
    SharedMemoryTest.assertNothingOfThisProcess();
  }
}
