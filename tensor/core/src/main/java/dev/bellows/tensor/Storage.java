package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/// A reference-counted run of bytes on one device, handed out by a [MemoryPool] with a count of one.
///
/// The last [#release] gives the bytes back to the pool at once; nothing waits for the garbage collector. Releasing more often
/// than retaining fails loudly. Threads: the count may be changed by any thread; the bytes follow the rules of the operation
/// that uses them.
public final class Storage {
  private final MemorySegment segment;
  private final Device device;
  private final Category category;
  private final Consumer<Storage> onFree;
  private final AtomicInteger references = new AtomicInteger(1);

  Storage(MemorySegment segment, Device device, Category category, Consumer<Storage> onFree) {
    this.segment = segment;
    this.device = device;
    this.category = category;
    this.onFree = onFree;
  }

  /// The bytes. For a device other than the host only the address and the size may be used.
  public MemorySegment segment() {
    return segment;
  }

  /// Size in bytes, as asked for.
  public long bytes() {
    return segment.byteSize();
  }

  /// The device that holds the bytes.
  public Device device() {
    return device;
  }

  /// What the bytes are for.
  public Category category() {
    return category;
  }

  /// Adds an owner.
  public void retain() {
    if (references.getAndIncrement() <= 0) {
      throw new IllegalStateException("a released buffer was retained: " + this);
    }
  }

  /// Takes an owner away; the last one frees the bytes.
  public void release() {
    int left = references.decrementAndGet();
    if (left == 0) {
      onFree.accept(this);
    } else if (left < 0) {
      throw new IllegalStateException("a buffer was released twice: " + this);
    }
  }

  /// Whether the bytes are still owned by somebody.
  public boolean isLive() {
    return references.get() > 0;
  }

  /// Whether more than one owner holds the bytes; the only owner may overwrite them.
  public boolean isShared() {
    return references.get() > 1;
  }

  @Override
  public String toString() {
    return category + " buffer of " + bytes() + " bytes on " + device.kind() + ":" + device.index();
  }
}
