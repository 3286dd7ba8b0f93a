package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
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
  /// @param calls how often
  record Entry(String name, double millis, long calls) {}

  private final Map<String, long[]> nanosAndCalls = new HashMap<>();
  private final Backend timed;

  /// Times the operations of `backend`.
  OperationTimer(Backend backend) {
    timed =
        (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class},
            (proxy, method, arguments) -> call(backend, method, arguments));
  }

  private Object call(Backend backend, Method method, Object[] arguments) throws Throwable {
    long start = System.nanoTime();
    try {
      return method.invoke(backend, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      long[] counts = nanosAndCalls.computeIfAbsent(key(method, arguments), name -> new long[2]);
      counts[0] += System.nanoTime() - start;
      counts[1]++;
    }
  }

  private static String key(Method method, Object[] arguments) {
    StringBuilder text = new StringBuilder(method.getName());
    for (Object argument : arguments == null ? new Object[0] : arguments) {
      if (argument instanceof Tensor tensor) {
        text.append(tensor.shape());
      } else if (argument instanceof dev.bellows.tensor.Gemm gemm) {
        text.append(gemm.transposeA() ? " T" : " N").append(gemm.transposeB() ? "T" : "N").append(gemm.accumulate() ? "+=" : "");
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
    nanosAndCalls.clear();
  }

  /// What was counted since the last [#reset], the slowest first.
  List<Entry> entries() {
    return nanosAndCalls.entrySet().stream()
        .map(entry -> new Entry(entry.getKey(), entry.getValue()[0] / 1e6, entry.getValue()[1]))
        .sorted(Comparator.comparingDouble(Entry::millis).reversed())
        .toList();
  }
}
