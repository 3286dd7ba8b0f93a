package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bellows.parallelism.TransportProvider.TransportOptions;
import java.util.List;
import org.junit.jupiter.api.Test;

class InProcessTransportTest extends TransportConformance {
  /// Small chunks and few slots, so that back pressure is everyday life.
  private final InProcessTransportProvider provider = new InProcessTransportProvider(16_384, 4);

  @Override
  protected RankGroup ranks() {
    return new RankGroup(rank -> provider, rank -> "here", "auto", 8_192);
  }

  @Override
  protected int largeElements() {
    return 300_003;
  }

  @Test
  void namesTheRankThatDoesNotConnect() {
    TransportOptions first = ranks().options(2, 1, 1).getFirst();
    TransportOptions options =
        new TransportOptions(
            first.runId(), first.generation(), 0, first.peers(), "auto", 8_192, 50_000_000);
    PeerLostException lost = assertThrows(PeerLostException.class, () -> provider.open(options));
    assertEquals(1, lost.peer());
  }

  @Test
  void generationsDoNotMeet() throws Exception {
    List<TransportOptions> old = ranks().options(2, 9, 1);
    List<TransportOptions> current = ranks().options(2, 9, 2);
    TransportOptions late =
        new TransportOptions(9, 1, 0, old.getFirst().peers(), "auto", 8_192, 300_000_000);
    Thread zombie =
        Thread.ofPlatform()
            .start(() -> assertThrows(PeerLostException.class, () -> provider.open(late)));
    Thread peer = Thread.ofPlatform().start(() -> provider.open(current.get(1)).close());
    provider.open(current.get(0)).close();
    peer.join();
    zombie.join();
  }
}
