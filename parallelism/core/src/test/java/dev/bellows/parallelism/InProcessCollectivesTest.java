package dev.bellows.parallelism;

class InProcessCollectivesTest extends CollectivesConformance {
  /// Small chunks and few slots, so that back pressure is everyday life.
  private final InProcessTransportProvider provider = new InProcessTransportProvider(4_096, 4);

  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> provider, rank -> "here", "auto", 8_192);
  }
}
