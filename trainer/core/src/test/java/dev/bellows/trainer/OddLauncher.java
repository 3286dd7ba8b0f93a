package dev.bellows.trainer;

import dev.bellows.parallelism.TransportProvider;
import dev.bellows.trainer.control.Coordinator;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/// Launches local workers, each by itself, of which one is not like the others or never comes.
///
/// @param local starts the threads
/// @param specs what some partitions are told instead
/// @param absent partitions that never come
/// @param limitBytes what each worker may use
/// @param beforeClose runs when the run is over
record OddLauncher(
    LocalLauncher local,
    Map<Integer, UnaryOperator<WorkerSpec>> specs,
    Set<Integer> absent,
    long limitBytes,
    Runnable beforeClose)
    implements WorkerLauncher {
  static BiFunction<TransportProvider, ModelFactory, WorkerLauncher> telling(
      int partition, UnaryOperator<WorkerSpec> change) {
    return (network, models) ->
        new OddLauncher(
            new LocalLauncher(network, models),
            Map.of(partition, change),
            Set.of(),
            Long.MAX_VALUE,
            () -> {});
  }

  static BiFunction<TransportProvider, ModelFactory, WorkerLauncher> without(int partition) {
    return (network, models) ->
        new OddLauncher(
            new LocalLauncher(network, models),
            Map.of(),
            Set.of(partition),
            Long.MAX_VALUE,
            () -> {});
  }

  static BiFunction<TransportProvider, ModelFactory, WorkerLauncher> limited(long bytes) {
    return (network, models) ->
        new OddLauncher(new LocalLauncher(network, models), Map.of(), Set.of(), bytes, () -> {});
  }

  static BiFunction<TransportProvider, ModelFactory, WorkerLauncher> closing(Runnable beforeClose) {
    return (network, models) ->
        new OddLauncher(
            new LocalLauncher(network, models), Map.of(), Set.of(), Long.MAX_VALUE, beforeClose);
  }

  @Override
  public String description() {
    return local.description();
  }

  @Override
  public String driverAddress() {
    return local.driverAddress();
  }

  @Override
  public void launch(WorkerSpec spec, int count, Coordinator coordinator) {
    for (int partition = 0; partition < count; partition++) {
      if (!absent.contains(partition)) {
        WorkerSpec told = specs.getOrDefault(partition, UnaryOperator.identity()).apply(spec);
        local.launch(told, LocalLauncher.site(partition, count, limitBytes), coordinator);
      }
    }
  }

  @Override
  public void close() {
    beforeClose.run();
    local.close();
  }
}
