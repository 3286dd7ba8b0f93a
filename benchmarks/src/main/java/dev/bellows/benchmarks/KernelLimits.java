package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Tensor;
import java.util.HashMap;
import java.util.Map;

/// The rates that kernels are held against: the best product rate, and for each amount of memory traffic the rate of a plain copy that moves as much, since
/// what fits a cache is copied faster than what does not.
final class KernelLimits {
  /// What bounds a kernel.
  ///
  /// @param nanos least duration
  /// @param kind `flops` or `bytes`
  /// @param rate GFLOP/s or GB/s
  record Limit(double nanos, String kind, double rate) {}

  private static final int REPEATS = 5;

  private final Backend backend;
  private final long loopNanos;
  private final double productRate;
  private final Map<Long, Double> copyRates = new HashMap<>();

  /// Measures the product rate at once and copies when asked. `loopNanos`: shortest measuring loop.
  KernelLimits(Backend backend, Iterable<TimedKernel> kernels, long loopNanos) {
    this.backend = backend;
    this.loopNanos = loopNanos;
    double best = squareRate(loopNanos < 10_000_000 ? 128 : 2048);
    for (TimedKernel kernel : kernels) {
      if (kernel.name().startsWith("product_")) {
        best = Math.max(best, rate(kernel));
      }
    }
    productRate = best;
  }

  private double squareRate(int size) {
    try (KernelTensors tensors = new KernelTensors(backend)) {
      Tensor a = tensors.floats(size, size);
      Tensor b = tensors.floats(size, size);
      Tensor c = tensors.floats(size, size);
      double flops = 2.0 * size * size * size;
      return ProductRate.perNano(() -> backend.gemm(Gemm.NT, a, b, c), flops, REPEATS, loopNanos);
    }
  }

  private double rate(TimedKernel kernel) {
    try (KernelTensors tensors = new KernelTensors(backend)) {
      Runnable call = kernel.factory().prepare(tensors);
      return ProductRate.perNano(call, kernel.flops(), REPEATS, loopNanos);
    }
  }

  /// GFLOP/s of the best product.
  double productRate() {
    return productRate;
  }

  /// The later of what memory and products allow.
  Limit of(TimedKernel kernel) {
    double copy = copyRate(kernel.bytes());
    double memory = kernel.bytes() / copy;
    double products = kernel.flops() / productRate;
    return products > memory
        ? new Limit(products, "flops", productRate)
        : new Limit(memory, "bytes", copy);
  }

  private double copyRate(double bytes) {
    long elements = Math.max(16, (long) (bytes / 2 / Float.BYTES));
    return copyRates.computeIfAbsent(elements, this::measureCopy);
  }

  private double measureCopy(long elements) {
    try (KernelTensors tensors = new KernelTensors(backend)) {
      Tensor source = tensors.floats(elements);
      Tensor target = tensors.floats(elements);
      double bytes = 2.0 * elements * Float.BYTES;
      return ProductRate.perNano(() -> backend.copy(source, target), bytes, REPEATS, loopNanos);
    }
  }
}
