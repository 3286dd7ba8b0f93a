package dev.bellows.checkpointing;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A consistent copy of a writer's blocks in host memory, taken between two steps, so that training goes on while the copy is written.
/// The buffers are page-aligned, allocated once and used again by each [#capture].
///
/// Checksums are computed while the copy is in the cache, so what the writer stores is checked against what was captured.
/// Memory: one copy of all blocks, until [#close]. Threads: capture and write must not overlap; the caller sees to it.
public final class Snapshot implements BlockSource, AutoCloseable {
  private record Buffer(MemorySegment bytes, int[] crcs) {}

  private final Arena arena = Arena.ofShared();
  private final Map<Block, Buffer> buffers = new HashMap<>();
  private final List<Block> blocks;
  private boolean captured;

  /// Allocates room for the blocks that `writer` stores by `plan`.
  public Snapshot(SavePlan plan, int writer) {
    this.blocks = plan.blocks(writer);
    Map<String, LogicalTensor> tensors = SavePlan.byName(plan.tensors());
    MemorySegment all = arena.allocate(total(tensors), Format.ALIGNMENT);
    long at = 0;
    for (Block block : blocks) {
      long bytes = block.elements() * tensors.get(block.tensor()).dtype().bytes();
      buffers.put(
          block, new Buffer(all.asSlice(at, bytes), new int[Piece.chunks(bytes, Format.CHUNK)]));
      at = Format.align(at + bytes);
    }
  }

  private long total(Map<String, LogicalTensor> tensors) {
    long total = 0;
    for (Block block : blocks) {
      total += Format.align(block.elements() * tensors.get(block.tensor()).dtype().bytes());
    }
    return total;
  }

  /// Copies every block from `live`. When it returns, `live` may change.
  public void capture(BlockSource live) throws IOException {
    captured = false;
    for (Block block : blocks) {
      Buffer buffer = buffers.get(block);
      MemorySegment from = CheckpointWriter.checked(live, block, buffer.bytes().byteSize());
      for (int chunk = 0; chunk < buffer.crcs().length; chunk++) {
        long at = (long) chunk * Format.CHUNK;
        long count = Math.min(Format.CHUNK, from.byteSize() - at);
        MemorySegment copy = buffer.bytes().asSlice(at, count).copyFrom(from.asSlice(at, count));
        buffer.crcs()[chunk] = Format.crc32c(copy);
      }
    }
    captured = true;
  }

  @Override
  public MemorySegment bytes(Block block) {
    return buffer(block).bytes();
  }

  int[] checksums(Block block) {
    return buffer(block).crcs();
  }

  private Buffer buffer(Block block) {
    Buffer buffer = buffers.get(block);
    if (buffer == null || !captured) {
      throw new IllegalStateException(
          captured ? block + " is not in this snapshot" : "nothing was captured yet");
    }
    return buffer;
  }

  @Override
  public void close() {
    arena.close();
  }
}
