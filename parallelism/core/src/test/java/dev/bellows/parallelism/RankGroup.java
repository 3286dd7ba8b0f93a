package dev.bellows.parallelism;

import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.RunKey;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;

/// Runs the ranks of one generation on threads of this JVM, each with a transport of its own.
public final class RankGroup {
  /// What one rank does with its transport.
  @FunctionalInterface
  public interface Body {
    void run(Transport transport) throws Exception;
  }

  private final IntFunction<TransportProvider> providers;
  private final IntFunction<String> hosts;
  private final String kind;
  private final int mtuBytes;
  private final RunKey key;

  /// Ranks open their transports from `providers` (by rank), on `hosts` (by rank).
  public RankGroup(
      IntFunction<TransportProvider> providers,
      IntFunction<String> hosts,
      String kind,
      int mtuBytes) {
    this(providers, hosts, kind, mtuBytes, RunKey.none());
  }

  private RankGroup(
      IntFunction<TransportProvider> providers,
      IntFunction<String> hosts,
      String kind,
      int mtuBytes,
      RunKey key) {
    this.providers = providers;
    this.hosts = hosts;
    this.kind = kind;
    this.mtuBytes = mtuBytes;
    this.key = key;
  }

  /// The same ranks, encrypting with `other`.
  public RankGroup with(RunKey other) {
    return new RankGroup(providers, hosts, kind, mtuBytes, other);
  }

  /// Opens `world` transports at the same time, runs `body` on each rank's thread, closes them, and fails with the first failure of a rank.
  public void run(int world, Body body) throws Exception {
    List<Throwable> failures = outcomes(world, body);
    for (int rank = 0; rank < world; rank++) {
      if (failures.get(rank) != null) {
        AssertionError error =
            new AssertionError(
                "rank " + rank + " of " + world + ": " + failures.get(rank), failures.get(rank));
        failures.stream()
            .filter(failure -> failure != null && failure != error.getCause())
            .forEach(error::addSuppressed);
        throw error;
      }
    }
  }

  /// The same, but returns what each rank threw, null for success, indexed by rank.
  public List<Throwable> outcomes(int world, Body body) throws Exception {
    List<TransportOptions> options = options(world, ThreadLocalRandom.current().nextLong(), 1);
    List<Throwable> failures = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int rank = 0; rank < world; rank++) {
      failures.add(null);
      int me = rank;
      threads.add(
          Thread.ofPlatform()
              .name("rank-" + rank)
              .start(
                  () -> {
                    try (Transport transport = providers.apply(me).open(options.get(me))) {
                      body.run(transport);
                    } catch (Throwable e) {
                      synchronized (failures) {
                        failures.set(me, e);
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join(TimeUnit.SECONDS.toMillis(60));
      if (thread.isAlive()) {
        AssertionError error = new AssertionError(thread.getName() + " of " + world + " hangs");
        error.setStackTrace(thread.getStackTrace());
        threads.forEach(Thread::interrupt);
        throw error;
      }
    }
    return failures;
  }

  /// What the ranks of a generation open their transports with.
  public List<TransportOptions> options(int world, long runId, int generation) {
    List<Peer> peers = new ArrayList<>();
    for (int rank = 0; rank < world; rank++) {
      String host = hosts.apply(rank);
      peers.add(
          new Peer(
              rank,
              host,
              ProcessHandle.current().pid(),
              providers.apply(rank).reserveDataAddress("127.0.0.1")));
    }
    List<TransportOptions> options = new ArrayList<>();
    for (int rank = 0; rank < world; rank++) {
      options.add(
          new TransportOptions(
              runId, generation, rank, peers, kind, mtuBytes, TimeUnit.SECONDS.toNanos(10), key));
    }
    return options;
  }
}
