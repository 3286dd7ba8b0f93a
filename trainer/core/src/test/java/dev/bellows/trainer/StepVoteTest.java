package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StepVoteTest {
  /// What one rank brings to the vote of step 5.
  private record Ballot(
      double loss, double squaredNorm, boolean stop, double seconds, boolean mayOverflow) {
    Ballot(double loss, double squaredNorm, boolean stop, double seconds) {
      this(loss, squaredNorm, stop, seconds, false);
    }
  }

  /// Two ranks with one group each vote; what each of them gets.
  private static List<Object> vote(Ballot... ballots) throws InterruptedException {
    InProcessTransportProvider network = new InProcessTransportProvider();
    List<Peer> peers = List.of(new Peer(0, "h", 1, ""), new Peer(1, "h", 1, ""));
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Callable<StepRecord>> ranks = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        int self = rank;
        ranks.add(
            () -> {
              try (Transport transport =
                  network.open(
                      new TransportOptions(1, 1, self, peers, "auto", 8192, 20_000_000_000L))) {
                StepVote vote = new StepVote(new Collectives(transport, (peer, waited) -> {}), 2);
                vote.setStop(ballots[self].stop());
                vote.setLoss(self, ballots[self].loss());
                vote.setTimes(ballots[self].seconds(), 2 * ballots[self].seconds());
                vote.setMemoryPeak(100 - self);
                return vote.exchange(
                    5, ballots[self].squaredNorm(), 0.5, 0.1, ballots[self].mayOverflow());
              }
            });
      }
      List<Object> results = new ArrayList<>();
      for (Future<StepRecord> future : threads.invokeAll(ranks)) {
        try {
          results.add(future.get());
        } catch (ExecutionException e) {
          results.add(e.getCause());
        }
      }
      return results;
    }
  }

  @Test
  void allRanksLearnTheSame() throws InterruptedException {
    List<Object> results = vote(new Ballot(3, 16, false, 0.25), new Ballot(1, 16, true, 0.125));
    assertEquals(new StepRecord(2, 4, 0.1, true, 0.25, 0.5, 100, false), results.get(0));
    assertEquals(results.get(0), results.get(1));
  }

  @Test
  void nobodyStopsUnasked() throws InterruptedException {
    StepRecord record =
        (StepRecord) vote(new Ballot(3, 16, false, 0), new Ballot(1, 16, false, 0)).getFirst();
    assertEquals(false, record.stop());
  }

  private static void assertAll(List<Object> results, ErrorCategory category, String part) {
    for (Object result : results) {
      BellowsException error = assertInstanceOf(BellowsException.class, result);
      assertEquals(category, error.category());
      assertTrue(error.getMessage().contains(part), error.getMessage());
    }
  }

  @Test
  void differentGradientsAreABug() throws InterruptedException {
    assertAll(
        vote(new Ballot(3, 16, false, 0), new Ballot(1, Math.nextUp(16.0), false, 0)),
        ErrorCategory.INTERNAL,
        "the ranks hold different gradients after the reduction of step 5");
  }

  @Test
  void anOverflowUnderALossScaleIsASkippedStep() throws InterruptedException {
    double infinite = Double.POSITIVE_INFINITY;
    List<Object> results =
        vote(new Ballot(3, infinite, false, 0, true), new Ballot(1, infinite, false, 0, true));
    assertEquals(new StepRecord(2, infinite, 0.1, false, 0, 0, 100, true), results.get(0));
    assertEquals(results.get(0), results.get(1));
    assertAll(
        vote(
            new Ballot(infinite, infinite, false, 0, true),
            new Ballot(1, infinite, false, 0, true)),
        ErrorCategory.NUMERIC,
        "the loss became Infinity at step 5 (rank 0, group 0)");
  }

  @Test
  void whatIsNotFiniteIsNamedWithItsPlace() throws InterruptedException {
    double infinite = Double.POSITIVE_INFINITY;
    assertAll(
        vote(new Ballot(3, 16, false, 0), new Ballot(infinite, 16, false, 0)),
        ErrorCategory.NUMERIC,
        "the loss became Infinity at step 5 (rank 1, group 1); no step of this attempt was finite");
    assertAll(
        vote(new Ballot(3, Double.NaN, false, 0), new Ballot(3, Double.NaN, false, 0)),
        ErrorCategory.NUMERIC,
        "the gradient norm became NaN at step 5");
  }
}
