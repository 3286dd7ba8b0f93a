package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;

/// Where a [MemoryPool] gets its bytes: the host's allocator or a device driver's.
public interface RawAllocator {
  /// The device whose memory this hands out.
  Device device();

  /// Allocates `bytes` (a multiple of 64) aligned to 64. Errors: [OutOfMemoryError] with the size when there is no memory.
  MemorySegment allocate(long bytes);

  /// Gives back what [#allocate] returned.
  void free(MemorySegment segment);
}
