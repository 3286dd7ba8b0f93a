package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.HandlesConformance;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.RankGroup;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Started collectives over UDP that loses, doubles and reorders datagrams.
class FaultyUdpHandlesTest extends HandlesConformance {
  private static long lost;
  private static long doubled;
  private static long overtaken;

  private final UdpRelay relay = new UdpRelay(20_260_402L, 0.01, 0.02, 0.02);

  @Override
  protected RankGroup ranks() {
    return RelayedProvider.ranks(relay);
  }

  @Override
  protected int[] worldSizes() {
    return new int[] {3};
  }

  @Override
  protected int operations() {
    return 60;
  }

  @AfterEach
  void count() {
    relay.close();
    lost += relay.lost();
    doubled += relay.doubled();
    overtaken += relay.overtaken();
  }

  /// The control: all three happened, many times.
  @AfterAll
  static void theNetworkWasBad() {
    assertTrue(lost > 50, lost + " datagrams were lost");
    assertTrue(doubled > 50, doubled + " datagrams were doubled");
    assertTrue(overtaken > 50, overtaken + " datagrams were overtaken");
  }

  @Test
  void theDeadlineOfADeadNetworkNamesThePeer() throws Exception {
    CyclicBarrier both = new CyclicBarrier(2, relay::cut);
    List<Throwable> failures =
        ranks()
            .outcomes(
                2,
                transport -> {
                  Collectives everybody =
                      new Collectives(
                          transport,
                          (peer, waitedNanos) -> {
                            if (waitedNanos > TimeUnit.SECONDS.toNanos(1)) {
                              throw new PeerLostException(peer, "rank " + peer + " is silent");
                            }
                          });
                  everybody.barrier();
                  both.await(20, TimeUnit.SECONDS);
                  everybody.barrier();
                });
    for (int rank = 0; rank < 2; rank++) {
      PeerLostException lost = assertInstanceOf(PeerLostException.class, failures.get(rank));
      assertEquals(1 - rank, lost.peer());
    }
  }
}
