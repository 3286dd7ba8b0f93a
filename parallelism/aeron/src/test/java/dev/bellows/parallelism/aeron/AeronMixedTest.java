package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.TransportConformance;

/// Two hosts as far as the ranks know: shared memory inside, UDP between.
class AeronMixedTest extends TransportConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(
        rank -> new AeronTransportProvider(),
        rank -> rank < 2 ? "host-a" : "host-b",
        "auto",
        1_408);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {4};
  }

  @Override
  protected int largeElements() {
    return 100_003;
  }
}
