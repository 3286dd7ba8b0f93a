package dev.bellows.jobs;

import org.apache.spark.util.SignalUtils;
import scala.jdk.javaapi.FunctionConverters;

/// What the process does on a signal, through Spark's own helper. A shutdown hook would come too late: Spark's hook takes the workers down
/// beside it.
final class Signals {
  private Signals() {}

  /// Runs `action` whenever the process receives `name` (`TERM`, `INT`), instead of ending it.
  static void handle(String name, Runnable action) {
    SignalUtils.register(
        name,
        FunctionConverters.asScalaFromSupplier(
            () -> {
              action.run();
              return true;
            }));
  }
}
