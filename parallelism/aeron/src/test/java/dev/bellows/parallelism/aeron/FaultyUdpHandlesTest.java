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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Started collectives over UDP that loses, doubles and reorders datagrams.
class FaultyUdpHandlesTest extends HandlesConformance {
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
  void theNetworkWasBad() {
    relay.close();
    assertTrue(relay.lost() > 0 || relay.doubled() > 0 || relay.overtaken() > 0);
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
