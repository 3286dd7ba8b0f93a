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
    change(1, "a released buffer was retained: ");
  }

  /// Takes an owner away; the last one frees the bytes.
  public void release() {
    if (change(-1, "a buffer was released twice: ") == 0) {
      onFree.accept(this);
    }
  }

  /// Changes the count unless it is 0 already. A failed call must leave the count alone: a released buffer that came back to life by a
  /// wrong retain could be freed again, and then handed to two owners.
  private int change(int by, String refusal) {
    int count;
    do {
      count = references.get();
      if (count <= 0) {
        throw new IllegalStateException(refusal + this);
      }
    } while (!references.compareAndSet(count, count + by));
    return count + by;
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
