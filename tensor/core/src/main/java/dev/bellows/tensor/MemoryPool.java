package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;

/// A caching allocator for one device that accounts for every byte by [Category].
///
/// A freed buffer is kept for the next request of its size class, so a training step allocates nothing after the first. With
/// the system property `bellows.memory.poison=true` fresh and freed host bytes are filled with 0xFF (a NaN in every floating type), so
/// that a read before the first write and a use after release show. Thread-safe.
public final class MemoryPool implements AutoCloseable {
  private final RawAllocator allocator;
  private final boolean poison;
  private final Map<Long, ArrayDeque<MemorySegment>> free = new HashMap<>();
  private final Map<Category, long[]> liveAndPeak = new EnumMap<>(Category.class);
  private long live;
  private long peak;
  private long reserved;
  private long liveBuffers;
  private long deviceAllocations;
  private boolean closed;

  /// A pool over `allocator`.
  public MemoryPool(RawAllocator allocator) {
    this(allocator, Boolean.getBoolean("bellows.memory.poison"));
  }

  MemoryPool(RawAllocator allocator, boolean poison) {
    this.allocator = allocator;
    this.poison = poison && allocator.device().kind() == Device.Kind.HOST;
    for (Category category : Category.values()) {
      liveAndPeak.put(category, new long[2]);
    }
  }

  /// A buffer of `bytes` (0 or more), 64-byte aligned, contents undefined, owned once by the caller. Errors: [OutOfMemoryError] when the
  /// device has too little even after the cached buffers went back to it; [IllegalStateException] after [#close].
  public synchronized Storage allocate(long bytes, Category category) {
    if (bytes < 0) {
      throw new IllegalArgumentException("a buffer cannot have " + bytes + " bytes");
    }
    if (closed) {
      throw new IllegalStateException(
          "this memory pool is closed; " + bytes + " bytes of " + category + " were asked for");
    }
    long size = sizeClass(bytes);
    ArrayDeque<MemorySegment> cached = free.get(size);
    MemorySegment raw = cached == null ? null : cached.pollLast();
    if (raw == null) {
      raw = fresh(size);
      reserved += size;
    }
    account(category, size);
    liveBuffers++;
    MemorySegment whole = raw;
    return new Storage(
        raw.asSlice(0, bytes), allocator.device(), category, storage -> free(whole, category));
  }

  private MemorySegment fresh(long size) {
    deviceAllocations++;
    MemorySegment raw;
    try {
      raw = allocator.allocate(size);
    } catch (OutOfMemoryError full) {
      // Cached buffers of other sizes may hold what is missing.
      trim();
      raw = allocator.allocate(size);
    }
    if (poison) {
      raw.fill((byte) 0xFF);
    }
    return raw;
  }

  private synchronized void free(MemorySegment raw, Category category) {
    account(category, -raw.byteSize());
    liveBuffers--;
    if (closed) {
      reserved -= raw.byteSize();
      allocator.free(raw);
      return;
    }
    if (poison) {
      raw.fill((byte) 0xFF);
    }
    free.computeIfAbsent(raw.byteSize(), size -> new ArrayDeque<>()).addLast(raw);
  }

  private void account(Category category, long bytes) {
    long[] counts = liveAndPeak.get(category);
    counts[0] += bytes;
    counts[1] = Math.max(counts[1], counts[0]);
    live += bytes;
    peak = Math.max(peak, live);
  }

  /// Steps of an eighth of a power of two waste at most an eighth and still let nearby sizes share buffers.
  private static long sizeClass(long bytes) {
    if (bytes <= 512) {
      return Math.max(64, (bytes + 63) / 64 * 64);
    }
    long step = Math.max(64, Long.highestOneBit(bytes - 1) / 8);
    return (bytes + step - 1) / step * step;
  }

  /// Live bytes of `category`.
  public synchronized long live(Category category) {
    return liveAndPeak.get(category)[0];
  }

  /// Highest live bytes of `category` so far.
  public synchronized long peak(Category category) {
    return liveAndPeak.get(category)[1];
  }

  /// Live bytes of all categories.
  public synchronized long live() {
    return live;
  }

  /// Highest live bytes of all categories together so far.
  public synchronized long peak() {
    return peak;
  }

  /// Bytes taken from the device, live or cached.
  public synchronized long reserved() {
    return reserved;
  }

  /// Buffers handed out and not yet released.
  public synchronized long liveBuffers() {
    return liveBuffers;
  }

  /// Buffers taken from the device so far, reused ones not counted: in the steady state it stands still.
  public synchronized long deviceAllocations() {
    return deviceAllocations;
  }

  /// Returns the cached bytes to the device; live buffers stay valid.
  public synchronized void trim() {
    for (ArrayDeque<MemorySegment> segments : free.values()) {
      for (MemorySegment segment : segments) {
        reserved -= segment.byteSize();
        allocator.free(segment);
      }
    }
    free.clear();
  }

  /// Returns the cached bytes and reports leaks; what is released later goes to the device at once. Closing again does nothing. Errors:
  /// [IllegalStateException] that names what is still live.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    trim();
    if (liveBuffers != 0) {
      StringBuilder report = new StringBuilder();
      liveAndPeak.forEach(
          (category, counts) -> {
            if (counts[0] != 0) {
              report.append(' ').append(category).append('=').append(counts[0]);
            }
          });
      throw new IllegalStateException(
          liveBuffers + " buffers were never released, bytes by category:" + report);
    }
  }
}
