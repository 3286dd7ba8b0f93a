package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class MemoryPoolTest {
  /// A device with room for `capacity` bytes that counts what it has given out.
  private static final class SmallDevice implements RawAllocator {
    private final HostAllocator host = new HostAllocator();
    private final long capacity;
    private long used;

    SmallDevice(long capacity) {
      this.capacity = capacity;
    }

    @Override
    public Device device() {
      return Device.HOST;
    }

    @Override
    public MemorySegment allocate(long bytes) {
      if (used + bytes > capacity) {
        throw new OutOfMemoryError("no room for " + bytes);
      }
      used += bytes;
      return host.allocate(bytes);
    }

    @Override
    public void free(MemorySegment segment) {
      used -= segment.byteSize();
      host.free(segment);
    }
  }

  private final SmallDevice device = new SmallDevice(1 << 20);
  private final MemoryPool pool = new MemoryPool(device, true);

  @Test
  void accountsByCategory() {
    Storage parameter = pool.allocate(128, Category.PARAMETER);
    Storage first = pool.allocate(64, Category.ACTIVATION);
    Storage second = pool.allocate(192, Category.ACTIVATION);
    assertEquals(128, pool.live(Category.PARAMETER));
    assertEquals(256, pool.live(Category.ACTIVATION));
    assertEquals(384, pool.live());
    assertEquals(3, pool.liveBuffers());
    first.release();
    second.release();
    Storage third = pool.allocate(64, Category.ACTIVATION);
    assertEquals(64, pool.live(Category.ACTIVATION));
    assertEquals(256, pool.peak(Category.ACTIVATION));
    assertEquals(384, pool.peak());
    assertEquals(0, pool.peak(Category.GRADIENT));
    third.release();
    parameter.release();
    assertEquals(0, pool.live());
    assertEquals(384, pool.reserved());
    pool.trim();
    assertEquals(0, pool.reserved());
    assertEquals(0, device.used);
    pool.close();
  }

  @Test
  void buffersAreAlignedAndAsLongAsAsked() {
    for (long bytes : new long[] {0, 1, 63, 64, 65, 513, 1000, 4095, 4096, 4097, 100_000}) {
      Storage storage = pool.allocate(bytes, Category.WORKSPACE);
      assertEquals(bytes, storage.bytes());
      assertEquals(0, storage.segment().address() % 64, bytes + " bytes");
      long cost = pool.live();
      assertTrue(
          cost >= bytes && cost <= Math.max(Math.max(64, bytes + 63), bytes * 9 / 8 + 1),
          bytes + " bytes cost " + cost);
      assertEquals(0, cost % 64);
      storage.release();
    }
    pool.close();
    assertEquals(0, device.used);
  }

  @Test
  void aReleasedBufferServesTheNextRequestOfItsSize() {
    Storage first = pool.allocate(5000, Category.ACTIVATION);
    long address = first.segment().address();
    Storage other = pool.allocate(5000, Category.ACTIVATION);
    assertNotEquals(address, other.segment().address());
    first.release();
    Storage again = pool.allocate(4999, Category.GRADIENT);
    assertEquals(address, again.segment().address());
    assertEquals(Category.GRADIENT, again.category());
    assertEquals(2L * 5120, pool.reserved());
    again.release();
    other.release();
    pool.close();
  }

  @Test
  void countsOwners() {
    Storage storage = pool.allocate(64, Category.WORKSPACE);
    storage.retain();
    storage.release();
    assertTrue(storage.isLive());
    storage.release();
    assertFalse(storage.isLive());
    assertEquals(0, pool.liveBuffers());
    pool.close();
  }

  /// Found in the first version: a wrong retain revived the count, and the next release freed the buffer a second time.
  @Test
  void aReleasedBufferStaysReleased() {
    Storage storage = pool.allocate(64, Category.WORKSPACE);
    storage.release();
    assertThrows(IllegalStateException.class, storage::release);
    assertThrows(IllegalStateException.class, storage::retain);
    assertFalse(storage.isLive());
    assertThrows(IllegalStateException.class, storage::release);
    Storage a = pool.allocate(64, Category.WORKSPACE);
    Storage b = pool.allocate(64, Category.WORKSPACE);
    assertNotEquals(a.segment().address(), b.segment().address());
    a.release();
    b.release();
    pool.close();
  }

  @Test
  void poisonsFreshAndReleasedBytes() {
    Storage storage = pool.allocate(64, Category.WORKSPACE);
    assertTrue(Float.isNaN(storage.segment().get(ValueLayout.JAVA_FLOAT, 60)));
    storage.segment().set(ValueLayout.JAVA_FLOAT, 60, 1);
    storage.release();
    assertTrue(Float.isNaN(storage.segment().get(ValueLayout.JAVA_FLOAT, 60)));
    pool.close();
  }

  @Test
  void surefireTurnsPoisonOn() {
    try (MemoryPool standard = new MemoryPool(new HostAllocator())) {
      Storage storage = standard.allocate(64, Category.WORKSPACE);
      assertTrue(
          Float.isNaN(storage.segment().get(ValueLayout.JAVA_FLOAT, 0)),
          "run the tests with -Dbellows.memory.poison=true");
      storage.release();
    }
  }

  @Test
  void cachedBytesMakeRoomForAnotherSize() {
    Storage large = pool.allocate(700_000, Category.WORKSPACE);
    large.release();
    Storage other = assertDoesNotThrow(() -> pool.allocate(900_000, Category.WORKSPACE));
    assertThrows(OutOfMemoryError.class, () -> pool.allocate(700_000, Category.WORKSPACE));
    assertEquals(1, pool.liveBuffers());
    other.release();
    pool.close();
    assertEquals(0, device.used);
  }

  @Test
  void closeReportsLeaksByCategory() {
    Storage leaked = pool.allocate(100, Category.GRADIENT);
    IllegalStateException report = assertThrows(IllegalStateException.class, pool::close);
    assertEquals(
        "1 buffers were never released, bytes by category: GRADIENT=128", report.getMessage());
    assertThrows(IllegalStateException.class, () -> pool.allocate(1, Category.GRADIENT));
    leaked.release();
    assertEquals(0, device.used, "a late release goes to the device");
    assertDoesNotThrow(pool::close);
  }

  @Test
  void refusesNegativeSizes() {
    assertThrows(IllegalArgumentException.class, () -> pool.allocate(-1, Category.WORKSPACE));
    pool.close();
  }

  /// No buffer is ever owned twice: each thread marks what it gets and finds its mark again.
  @Test
  void threadsShareThePool() throws Exception {
    int threads = 4;
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      List<Future<Integer>> results = new ArrayList<>();
      for (int thread = 0; thread < threads; thread++) {
        int mark = thread;
        Callable<Integer> work =
            () -> {
              int faults = 0;
              for (int i = 0; i < 5000; i++) {
                Storage storage = pool.allocate(64 + i % 3 * 64, Category.WORKSPACE);
                storage.segment().set(ValueLayout.JAVA_INT, 0, mark);
                Thread.onSpinWait();
                faults += storage.segment().get(ValueLayout.JAVA_INT, 0) == mark ? 0 : 1;
                storage.release();
              }
              return faults;
            };
        results.add(executor.submit(work));
      }
      for (Future<Integer> result : results) {
        assertEquals(0, result.get());
      }
    }
    assertEquals(0, pool.live());
    pool.close();
  }

  /// Many threads give up many owners; the buffer is freed exactly once, by the last.
  @Test
  void racingReleasesFreeOnce() throws Exception {
    AtomicInteger freed = new AtomicInteger();
    int owners = 4000;
    Storage storage =
        new Storage(
            MemorySegment.ofArray(new byte[8]),
            Device.HOST,
            Category.WORKSPACE,
            s -> freed.incrementAndGet());
    for (int i = 1; i < owners; i++) {
      storage.retain();
    }
    try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
      for (int thread = 0; thread < 4; thread++) {
        executor.submit(
            () -> {
              for (int i = 0; i < owners / 4; i++) {
                storage.release();
              }
            });
      }
    }
    assertEquals(1, freed.get());
    assertFalse(storage.isLive());
  }
}
