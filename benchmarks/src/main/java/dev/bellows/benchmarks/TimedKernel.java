package dev.bellows.benchmarks;

/// One kernel call at given sizes, with the least work that it can do.
///
/// @param name what is printed
/// @param flops floating-point operations of its products, 0 for a kernel without
/// @param bytes operands read plus results written, each once
/// @param factory prepares the call
record TimedKernel(String name, double flops, double bytes, Factory factory) {
  /// Allocates the operands and returns the call.
  @FunctionalInterface
  interface Factory {
    Runnable prepare(KernelTensors tensors);
  }
}
