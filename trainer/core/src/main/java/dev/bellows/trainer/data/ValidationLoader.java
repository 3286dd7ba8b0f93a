package dev.bellows.trainer.data;

import dev.bellows.tensor.Backend;
import java.lang.foreign.Arena;
import java.util.Objects;

/// Held-out samples in index order, in batches of one size. Threads: one caller. Memory: [#close] frees the host buffer; batches belong to
/// whoever loaded them.
public final class ValidationLoader implements AutoCloseable {
  private final Dataset dataset;
  private final long samples;
  private final Backend backend;
  private final Arena arena = Arena.ofShared();
  private final HostBatch host;

  /// The first `samples` samples of `dataset`, or all when that is 0 or more than there are, in batches of `batchSize`; `backend` is
  /// borrowed.
  public ValidationLoader(Dataset dataset, long samples, int batchSize, Backend backend) {
    if (samples < 0 || batchSize < 1) {
      throw new IllegalArgumentException(
          "no batches of " + batchSize + " samples can be made of " + samples);
    }
    this.dataset = dataset;
    this.samples = samples == 0 ? dataset.samples() : Math.min(samples, dataset.samples());
    this.backend = backend;
    this.host = new HostBatch(arena, dataset.layout(), batchSize);
  }

  /// Samples that count.
  public long samples() {
    return samples;
  }

  /// How many batches there are; ranks may share them out as they like.
  public long batches() {
    return Math.ceilDiv(samples, host.samples());
  }

  /// Reads batch `index`, in [0, batches); the caller closes it.
  public ValidationBatch load(long index) {
    long first = Objects.checkIndex(index, batches()) * host.samples();
    for (int i = 0; i < host.samples(); i++) {
      if (first + i < samples) {
        host.read(i, dataset, 0, first + i);
      } else {
        host.pad(i);
      }
    }
    return new ValidationBatch(host.upload(backend, 0, host.samples(), 0), host.targets());
  }

  /// Frees the host buffer.
  @Override
  public void close() {
    arena.close();
  }
}
