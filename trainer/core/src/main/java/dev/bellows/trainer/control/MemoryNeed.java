package dev.bellows.trainer.control;

/// What a worker needs of its container, in bytes.
///
/// @param heap the JVM's largest heap and what the JVM itself takes
/// @param parameters weights
/// @param gradients gradient sums, the partial sums of the batch tree included
/// @param optimizer optimizer state
/// @param activations kept for backward by one micro-batch
/// @param shared data-plane buffers in shared memory
/// @param limit what the container allows; [Long#MAX_VALUE] when nothing is known
public record MemoryNeed(
    long heap,
    long parameters,
    long gradients,
    long optimizer,
    long activations,
    long shared,
    long limit) {
  /// Sum of the needs.
  public long total() {
    return heap + parameters + gradients + optimizer + activations + shared;
  }

  /// Bytes on the device: everything but heap and shared memory.
  public long device() {
    return parameters + gradients + optimizer + activations;
  }

  /// Whether the need fits the limit.
  public boolean fits() {
    return total() <= limit;
  }

  /// `1.23 GiB`, `45.6 MiB`.
  public static String format(long bytes) {
    if (bytes >= 1L << 30) {
      return String.format("%.2f GiB", bytes / (double) (1L << 30));
    }
    return String.format("%.1f MiB", bytes / (double) (1L << 20));
  }

  @Override
  public String toString() {
    return format(total())
        + " (heap "
        + format(heap)
        + ", weights "
        + format(parameters)
        + ", gradients "
        + format(gradients)
        + ", optimizer "
        + format(optimizer)
        + ", activations "
        + format(activations)
        + ", shared memory "
        + format(shared)
        + ")";
  }
}
