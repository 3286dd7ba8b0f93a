package dev.bellows.trainer;

import dev.bellows.parallelism.TransportProvider;
import dev.bellows.trainer.control.Coordinator;
import dev.bellows.trainer.control.ErrorCategory;
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
              .start(() -> work(spec, site, coordinator)));
    }
  }

  private void work(WorkerSpec spec, WorkerSite site, Coordinator coordinator) {
    try {
      Worker.run(spec, site, network, models);
    } catch (RuntimeException | Error e) {
      // It could not even reach the coordinator; without this word the run would wait for it until the start times out.
      coordinator.fail(ErrorCategory.INTERNAL, site.executor() + " ended with " + e);
    }
  }

  @Override
  public void close() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    for (Thread thread : threads) {
      try {
        if (!thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())))) {
          thread.interrupt();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
