package dev.bellows.parallelism;

/// Small chunks and few slots, so that every operation meets back pressure.
class InProcessHandlesTest extends HandlesConformance {
  private final InProcessTransportProvider provider = new InProcessTransportProvider(256, 3);

  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> provider, rank -> "one-host", "auto", 1_408);
  }
}
