package dev.bellows.jobs;

import java.util.function.IntConsumer;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/// The one place that touches the JDK's signal handling, which has no supported API: a shutdown hook would come too late, since Spark's own
/// hook takes the workers down beside it.
final class Signals {
  private Signals() {}

  /// Calls `handler` with the signal's number whenever the process receives `name`, instead of ending it.
  static void handle(String name, IntConsumer handler) {
    Signal.handle(new Signal(name), signal -> handler.accept(signal.getNumber()));
  }

  /// Leaves `name` without effect on this process.
  static void ignore(String name) {
    Signal.handle(new Signal(name), SignalHandler.SIG_IGN);
  }
}
