package dev.bellows.benchmarks;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;

/// Our all-reduce over Aeron.
final class BellowsReducer implements RankReducer {
  private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final Transport transport;
  private final Collectives collectives;
  private final TensorBuffer buffer = new TensorBuffer();

  BellowsReducer(TransportOptions options) {
    transport = provider().open(options);
    collectives =
        new Collectives(
            transport,
            (peer, waitedNanos) -> {
              if (waitedNanos > SILENCE_NANOS) {
                throw new PeerLostException(peer, "rank " + peer + " was silent for 20 s");
              }
            });
  }

  static TransportProvider provider() {
    return ServiceLoader.load(TransportProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("aeron"))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void fill(long elements, float value) {
    buffer.fill(elements, value);
  }

  @Override
  public float element(long index) {
    return buffer.element(index);
  }

  @Override
  public void barrier() {
    collectives.barrier();
  }

  @Override
  public void allReduce() {
    collectives.allReduceSum(buffer.tensor());
  }

  @Override
  public void close() {
    buffer.close();
    transport.close();
  }
}
