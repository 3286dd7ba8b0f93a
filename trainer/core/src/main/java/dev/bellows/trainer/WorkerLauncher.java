package dev.bellows.trainer;

import dev.bellows.trainer.control.Coordinator;

/// Starts the workers of a run somewhere: on threads, in Spark tasks.
public interface WorkerLauncher extends AutoCloseable {
  /// One line for the start banner.
  String description();

  /// The address under which workers reach the driver.
  String driverAddress();

  /// Starts `count` workers and returns at once. What the launcher learns about lost workers goes to `coordinator`.
  void launch(WorkerSpec spec, int count, Coordinator coordinator);

  /// Waits a bounded time for the workers to leave, then removes what is left of them.
  @Override
  void close();
}
