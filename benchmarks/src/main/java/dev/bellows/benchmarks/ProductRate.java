package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.List;

/// The rate of a side's plain matrix products `a [M, K] · bᵀ [N, K]`, the limit that its training step is held against.
final class ProductRate {
  private static final int REPEATS = 5;

  private ProductRate() {}

  /// One product, ready to run again and again.
  interface Product extends AutoCloseable {
    void run();

    @Override
    void close();
  }

  /// Prepares a product of the given sizes.
  @FunctionalInterface
  interface Factory {
    Product prepare(int rows, int inner, int columns);
  }

  /// GFLOP/s: the best of several loops of at least `loopNanos` at a square of 2,048 and at `products` (rows, inner, columns).
  static double best(List<int[]> products, long loopNanos, Factory factory) {
    List<int[]> sizes = new ArrayList<>(products);
    sizes.add(new int[] {2048, 2048, 2048});
    double best = 0;
    for (int[] size : sizes) {
      try (Product product = factory.prepare(size[0], size[1], size[2])) {
        double flops = 2.0 * size[0] * size[1] * size[2];
        best = Math.max(best, perNano(product::run, flops, REPEATS, loopNanos));
      }
    }
    return best;
  }

  /// `work` per nanosecond of `call`, the best of `repeats` loops of at least `nanos` after one call to warm up.
  static double perNano(Runnable call, double work, int repeats, long nanos) {
    call.run();
    double best = 0;
    for (int repeat = 0; repeat < repeats; repeat++) {
      long start = System.nanoTime();
      long runs = 0;
      long taken;
      do {
        call.run();
        runs++;
        taken = System.nanoTime() - start;
      } while (taken < nanos);
      best = Math.max(best, runs * work / taken);
    }
    return best;
  }
}
