package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.TransportConformance;
import dev.bellows.parallelism.security.RunKey;

/// Two hosts as far as the ranks know: shared memory in clear inside, encrypted UDP between, with chunks large enough for the rings.
class SealedMixedTest extends TransportConformance {
  @Override
  protected RankGroup ranks() {
    return new RankGroup(
            rank -> new AeronTransportProvider(),
            rank -> rank < 2 ? "host-a" : "host-b",
            "auto",
            8_192)
        .with(RunKey.fresh());
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {3};
  }

  @Override
  protected int largeElements() {
    return 50_003;
  }
}
