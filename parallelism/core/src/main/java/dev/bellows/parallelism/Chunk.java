package dev.bellows.parallelism;

import java.lang.foreign.MemorySegment;

/// A view of a part of an operation on its way: where it belongs and where its bytes lie.
///
/// A flyweight: its owner sets it again for each chunk, so that nothing is allocated per chunk; who is handed one borrows it, and the
/// bytes, until the call returns. The transport adds run and generation. Threads: its owner's.
public final class Chunk {
  private long operation;
  private int tensor;
  private long offset;
  private MemorySegment memory = MemorySegment.NULL;
  private long at;
  private long length;

  /// A chunk without bytes.
  public Chunk() {}

  /// Sets everything and returns this.
  ///
  /// @param operation which operation of this generation; all ranks number alike
  /// @param tensor which term or tensor of the operation
  /// @param offset byte offset of the payload in that tensor
  /// @param memory where the payload lies
  /// @param at byte offset of the payload in `memory`
  /// @param length bytes of the payload
  public Chunk set(
      long operation, int tensor, long offset, MemorySegment memory, long at, long length) {
    this.operation = operation;
    this.tensor = tensor;
    this.offset = offset;
    this.memory = memory;
    this.at = at;
    this.length = length;
    return this;
  }

  /// Which operation of this generation.
  public long operation() {
    return operation;
  }

  /// Which term or tensor of the operation.
  public int tensor() {
    return tensor;
  }

  /// Byte offset of the payload in that tensor.
  public long offset() {
    return offset;
  }

  /// Where the payload lies, from [#at] on.
  public MemorySegment memory() {
    return memory;
  }

  /// Byte offset of the payload in [#memory].
  public long at() {
    return at;
  }

  /// Bytes of the payload.
  public long length() {
    return length;
  }

  /// Copies the payload to `target`, from byte `targetAt` on.
  public void copyTo(MemorySegment target, long targetAt) {
    MemorySegment.copy(memory, at, target, targetAt, length);
  }

  @Override
  public String toString() {
    return length + " bytes at " + offset + " of tensor " + tensor + " of operation " + operation;
  }
}
