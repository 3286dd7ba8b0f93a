package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// A thin handle: dtype, shape, and where the contiguous row-major elements lie in a [Storage].
///
/// A handle owns nothing by itself. [Backend#allocate] returns a handle whose storage is owned once; [#release] (or
/// [#close]) gives that ownership up, [#retain] adds one. Views ([#view], [#slice]) share the storage and its count. Operations
/// live in [Backend], not here. Immutable; the elements follow the rules of the operation that uses them.
public final class Tensor implements AutoCloseable {
  private final DType dtype;
  private final Shape shape;
  private final Storage storage;
  private final long byteOffset;
  private final MemorySegment segment;

  /// A handle over `shape.elements()` elements that start at `byteOffset`.
  public Tensor(DType dtype, Shape shape, Storage storage, long byteOffset) {
    this.dtype = dtype;
    this.shape = shape;
    this.storage = storage;
    this.byteOffset = byteOffset;
    this.segment =
        storage.segment().asSlice(byteOffset, Math.multiplyExact(shape.elements(), dtype.bytes()));
  }

  /// Element type.
  public DType dtype() {
    return dtype;
  }

  /// Dims, outermost first.
  public Shape shape() {
    return shape;
  }

  /// The bytes that this handle looks at, shared with other handles.
  public Storage storage() {
    return storage;
  }

  /// Start of the elements in the storage, in bytes.
  public long byteOffset() {
    return byteOffset;
  }

  /// The elements' bytes. For a device other than the host only the address and the size may be used.
  public MemorySegment segment() {
    return segment;
  }

  /// Number of elements.
  public long elements() {
    return shape.elements();
  }

  /// Number of bytes.
  public long bytes() {
    return segment.byteSize();
  }

  /// The same elements under another shape of equal size. Shares the storage, takes no ownership.
  public Tensor view(long... dims) {
    Shape other = Shape.of(dims);
    if (other.elements() != elements()) {
      throw new IllegalArgumentException(
          "a tensor of shape " + shape + " cannot be viewed as " + other);
    }
    return new Tensor(dtype, other, storage, byteOffset);
  }

  /// `dims` elements from element `offset` on, all of them this tensor's own. Shares the storage, takes no ownership. Errors:
  /// [IndexOutOfBoundsException] when they reach beyond this tensor, though the storage may go on.
  public Tensor slice(long offset, long... dims) {
    Shape part = Shape.of(dims);
    Objects.checkFromIndexSize(offset, part.elements(), elements());
    return new Tensor(dtype, part, storage, byteOffset + offset * dtype.bytes());
  }

  /// Adds an owner to the storage and returns this handle.
  public Tensor retain() {
    storage.retain();
    return this;
  }

  /// Takes an owner of the storage away.
  public void release() {
    storage.release();
  }

  /// The same as [#release].
  @Override
  public void close() {
    release();
  }

  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
