package dev.bellows.checkpointing;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// Where a writer gets the bytes of a block from.
@FunctionalInterface
public interface BlockSource {
  /// The elements of `block`, contiguous, row-major and little-endian; exactly as many bytes as they need. The memory stays the source's
  /// own and must not change until the write returns.
  MemorySegment bytes(Block block) throws IOException;
}
