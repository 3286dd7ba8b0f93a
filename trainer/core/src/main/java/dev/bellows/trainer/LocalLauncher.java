package dev.bellows.trainer;

import dev.bellows.parallelism.TransportProvider;
import dev.bellows.trainer.control.Coordinator;
import dev.bellows.trainer.control.ErrorCategory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Runs the workers on threads of this JVM, over any transport.
public final class LocalLauncher implements WorkerLauncher {
  /// For workers that were told of the end.
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /// For workers that were asked by an interrupt, such as one that registers with a run that has ended.
  private static final Duration LAST_PATIENCE = Duration.ofSeconds(20);

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
    for (int partition = 0; partition < count; partition++) {
      launch(spec, site(partition, count, Long.MAX_VALUE), coordinator);
    }
  }

  /// Where worker `partition` of `count` in this JVM runs; it may use `limitBytes`.
  static WorkerSite site(int partition, int count, long limitBytes) {
    long heap = Runtime.getRuntime().maxMemory() / count;
    return new WorkerSite(
        partition, 0, "thread-" + partition, "localhost", "127.0.0.1", heap, limitBytes);
  }

  /// Starts one worker.
  void launch(WorkerSpec spec, WorkerSite site, Coordinator coordinator) {
    threads.add(
        Thread.ofPlatform()
            .daemon()
            .name("bellows-worker-" + site.partition())
            .start(() -> work(spec, site, coordinator)));
  }

  private void work(WorkerSpec spec, WorkerSite site, Coordinator coordinator) {
    try {
      Worker.run(spec, site, network, models);
    } catch (RuntimeException | Error e) {
      // It could not even reach the coordinator; without this word the run would wait for it until
      // the start times out.
      coordinator.fail(ErrorCategory.INTERNAL, site.executor() + " ended with " + e);
    }
  }

  @Override
  public void close() {
    try {
      if (!join(PATIENCE)) {
        threads.forEach(Thread::interrupt);
        boolean unused = join(LAST_PATIENCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean join(Duration patience) throws InterruptedException {
    long deadline = System.nanoTime() + patience.toNanos();
    boolean all = true;
    for (Thread thread : threads) {
      all &= thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
    }
    return all;
  }
}
