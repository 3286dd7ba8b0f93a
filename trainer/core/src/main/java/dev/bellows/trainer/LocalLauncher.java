package dev.bellows.trainer;

import dev.bellows.parallelism.TransportProvider;
import dev.bellows.trainer.control.Coordinator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Runs the workers on threads of this JVM, over any transport.
public final class LocalLauncher implements WorkerLauncher {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final TransportProvider network;
  private final ModelFactory models;
  private final List<Thread> threads = new ArrayList<>();

  /// Workers that talk over `network` and build their models by `models`.
  public LocalLauncher(TransportProvider network, ModelFactory models) {
    this.network = network;
    this.models = models;
  }

  @Override
  public String description() {
    return "threads of this JVM over " + network.name();
  }

  @Override
  public String driverAddress() {
    return "127.0.0.1";
  }

  @Override
  public void launch(WorkerSpec spec, int count, Coordinator coordinator) {
    long heap = Runtime.getRuntime().maxMemory() / count;
    for (int partition = 0; partition < count; partition++) {
      WorkerSite site =
          new WorkerSite(
              partition, 0, "thread-" + partition, "localhost", "127.0.0.1", heap, Long.MAX_VALUE);
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .name("bellows-worker-" + partition)
              .start(() -> Worker.run(spec, site, network, models)));
    }
  }

  @Override
  public void close() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (Thread thread : threads) {
      try {
        thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
