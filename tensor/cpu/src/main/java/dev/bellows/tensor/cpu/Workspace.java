package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Storage;

/// Scratch bytes that grow to the largest need and are kept until [#close]: one part of equal size for each worker.
///
/// Grown by the thread that calls an operation, before its tiles run; contents are undefined at the start of each operation.
final class Workspace implements AutoCloseable {
  private final MemoryPool memory;
  private final Storage[] parts;

  Workspace(MemoryPool memory, int workers) {
    this.memory = memory;
    this.parts = new Storage[workers];
  }

  /// Makes every part at least `bytes` long.
  void require(long bytes) {
    for (int i = 0; i < parts.length; i++) {
      if (parts[i] == null || parts[i].bytes() < bytes) {
        if (parts[i] != null) {
          parts[i].release();
          parts[i] = null;
        }
        parts[i] = memory.allocate(bytes, Category.WORKSPACE);
      }
    }
  }

  /// Address of the part of `worker`; 0 before anything was required.
  long address(int worker) {
    return parts[worker] == null ? 0 : parts[worker].segment().address();
  }

  @Override
  public void close() {
    for (int i = 0; i < parts.length; i++) {
      if (parts[i] != null) {
        parts[i].release();
        parts[i] = null;
      }
    }
  }
}
