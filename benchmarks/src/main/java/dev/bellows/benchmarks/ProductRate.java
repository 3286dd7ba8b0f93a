package dev.bellows.benchmarks;

/// The rate of a side's plain fp32 matrix products `a [M, K] · bᵀ [N, K]`, the limit that its training step is held against.
final class ProductRate {
  private static final int REPEATS = 5;
  private static final long SHORTEST_NANOS = 100_000_000;

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

  /// GFLOP/s: the best of several runs at a square of 2,048 and at the three product shapes of the model's blocks.
  static double best(GptShape shape, Factory factory) {
    int rows = Math.toIntExact(shape.tokens());
    int width = shape.width();
    int[][] sizes = {
      {2048, 2048, 2048},
      {rows, width, 3 * width},
      {rows, width, 4 * width},
      {rows, 4 * width, width}
    };
    double best = 0;
    for (int[] size : sizes) {
      try (Product product = factory.prepare(size[0], size[1], size[2])) {
        best = Math.max(best, rate(product, 2.0 * size[0] * size[1] * size[2]));
      }
    }
    return best;
  }

  private static double rate(Product product, double flops) {
    product.run();
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
      long start = System.nanoTime();
      long runs = 0;
      long nanos;
      do {
        product.run();
        runs++;
        nanos = System.nanoTime() - start;
      } while (nanos < SHORTEST_NANOS);
      best = Math.max(best, runs * flops / nanos);
    }
    return best;
  }
}
