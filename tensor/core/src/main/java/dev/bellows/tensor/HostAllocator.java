package dev.bellows.tensor;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Host memory from the C library's `aligned_alloc`: segments of the global scope, so that an access costs no liveness check.
/// Large ones ask for huge pages, where the system lends them to those who ask (`transparent_hugepage=madvise`): a matrix's rows lie on
/// as many small pages as it has rows, more than the processor's page table cache holds. Thread-safe.
public final class HostAllocator implements RawAllocator {
  private static final MethodHandle ALIGNED_ALLOC =
      handle("aligned_alloc", FunctionDescriptor.of(ADDRESS, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(ADDRESS));

  private static final MethodHandle MADVISE =
      handle("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

  /// Large buffers start on a page, so that they can go to disk without a copy.
  private static final long PAGE = 4096;

  private static final long HUGE_PAGE = 2L << 20;
  private static final int MADV_HUGEPAGE = 14;

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public MemorySegment allocate(long bytes) {
    long alignment = alignment(bytes);
    long unit = Math.min(PAGE, alignment);
    long size = (bytes + unit - 1) / unit * unit;
    try {
      MemorySegment address = (MemorySegment) ALIGNED_ALLOC.invokeExact(alignment, size);
      if (address.address() == 0) {
        throw new OutOfMemoryError("the host has no " + size + " bytes of native memory left");
      }
      if (alignment == HUGE_PAGE) {
        // A refusal only means small pages.
        int _ = (int) MADVISE.invokeExact(address, size, MADV_HUGEPAGE);
      }
      return address.reinterpret(bytes);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static long alignment(long bytes) {
    if (bytes >= HUGE_PAGE) {
      return HUGE_PAGE;
    }
    return bytes >= PAGE ? PAGE : 64;
  }

  @Override
  public void free(MemorySegment segment) {
    try {
      FREE.invokeExact(segment);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
