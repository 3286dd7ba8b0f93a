package dev.bellows.benchmarks;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.StringJoiner;

/// What some all-reduces of one size took on one rank, or, after [#slowest], on the slower of two.
///
/// @param nanos each call, from a barrier on
/// @param heapBytes what the calling thread allocated on the Java heap during all of them, barriers included
record ReduceTiming(long[] nanos, long heapBytes) {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /// Checks one all-reduce of `bytes` bytes over two ranks, then makes `warmUp` and measures `calls`. Errors: [IllegalStateException] for a wrong sum.
  static ReduceTiming measure(RankReducer reducer, int rank, long bytes, int warmUp, int calls) {
    long elements = bytes / Float.BYTES;
    reducer.fill(elements, rank + 1);
    reducer.barrier();
    reducer.allReduce();
    for (long i = 0; i < elements; i += Math.max(1, elements / 1000)) {
      if (reducer.element(i) != 3) {
        throw new IllegalStateException(
            "element " + i + " of " + elements + " is " + reducer.element(i) + " instead of 3");
      }
    }
    // Zeros stay zeros however often they are summed.
    reducer.fill(elements, 0);
    long[] nanos = new long[calls];
    for (int i = 0; i < warmUp; i++) {
      reducer.barrier();
      reducer.allReduce();
    }
    long before = THREADS.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < calls; i++) {
      reducer.barrier();
      long start = System.nanoTime();
      reducer.allReduce();
      nanos[i] = System.nanoTime() - start;
    }
    // Read before the result is made: it is an object too.
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    return new ReduceTiming(nanos, allocated);
  }

  /// Each call took as long as it did on the slower rank.
  ReduceTiming slowest(ReduceTiming other) {
    long[] slower = new long[nanos.length];
    Arrays.setAll(slower, i -> Math.max(nanos[i], other.nanos[i]));
    return new ReduceTiming(slower, Math.max(heapBytes, other.heapBytes));
  }

  double medianNanos() {
    return EngineResult.median(Arrays.stream(nanos).asDoubleStream().toArray());
  }

  double heapBytesPerCall() {
    return (double) heapBytes / nanos.length;
  }

  /// The form that [#parse] reads: `nanos,nanos,…;heap bytes`.
  String text() {
    StringJoiner joiner = new StringJoiner(",", "", ";" + heapBytes);
    for (long value : nanos) {
      joiner.add(Long.toString(value));
    }
    return joiner.toString();
  }

  static ReduceTiming parse(String text) {
    String[] parts = text.split(";");
    return new ReduceTiming(
        Arrays.stream(parts[0].split(",")).mapToLong(Long::parseLong).toArray(),
        Long.parseLong(parts[1]));
  }
}
