package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Stands in front of a backend and adds up the time of each operation by name and shapes: where a step's milliseconds go. Threads: one at a
/// time.
final class OperationTimer {
  /// Time and calls of one kind of operation.
  ///
  /// @param name operation, flags and shapes
  /// @param millis total time
  /// @param processorMillis total processor time of the calling thread, which shares the work with the backend's others
  /// @param calls how often
  record Entry(String name, double millis, double processorMillis, long calls) {}

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private static final class Counts {
    private long nanos;
    private long processorNanos;
    private long calls;
  }

  private final Map<String, Counts> counts = new HashMap<>();
  private final Backend timed;

  /// Times the operations of `backend`.
  OperationTimer(Backend backend) {
    timed =
        (Backend)
            Proxy.newProxyInstance(
                Backend.class.getClassLoader(),
                new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> call(backend, method, arguments));
  }

  private Object call(Backend backend, Method method, Object[] arguments) throws Throwable {
    long processorStart = THREADS.getCurrentThreadCpuTime();
    long start = System.nanoTime();
    try {
      return method.invoke(backend, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      Counts kind = counts.computeIfAbsent(key(method, arguments), name -> new Counts());
      kind.nanos += System.nanoTime() - start;
      kind.processorNanos += THREADS.getCurrentThreadCpuTime() - processorStart;
      kind.calls++;
    }
  }

  private static String key(Method method, Object[] arguments) {
    StringBuilder text = new StringBuilder(method.getName());
    for (Object argument : arguments == null ? new Object[0] : arguments) {
      if (argument instanceof Tensor tensor) {
        text.append(tensor.shape());
      } else if (argument instanceof Gemm gemm) {
        text.append(gemm.transposeA() ? " T" : " N")
            .append(gemm.transposeB() ? "T" : "N")
            .append(gemm.accumulate() ? "+=" : "");
      }
    }
    return text.toString();
  }

  /// The backend to use instead.
  Backend backend() {
    return timed;
  }

  /// Forgets what was counted.
  void reset() {
    counts.clear();
  }

  /// What was counted since the last [#reset], the slowest first.
  List<Entry> entries() {
    return counts.entrySet().stream()
        .map(entry -> entry(entry.getKey(), entry.getValue()))
        .sorted(Comparator.comparingDouble(Entry::millis).reversed())
        .toList();
  }

  private static Entry entry(String name, Counts kind) {
    return new Entry(name, kind.nanos / 1e6, kind.processorNanos / 1e6, kind.calls);
  }
}
