package dev.bellows.tensor;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Host memory from the C library's `aligned_alloc`: segments of the global scope, so that an access costs no liveness check.
/// Thread-safe.
public final class HostAllocator implements RawAllocator {
  private static final MethodHandle ALIGNED_ALLOC =
      handle("aligned_alloc", FunctionDescriptor.of(ADDRESS, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(ADDRESS));

  /// Large buffers start on a page, so that they can go to disk without a copy.
  private static final long PAGE = 4096;

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
    long alignment = bytes >= PAGE ? PAGE : 64;
    long size = (bytes + alignment - 1) / alignment * alignment;
    try {
      MemorySegment address = (MemorySegment) ALIGNED_ALLOC.invokeExact(alignment, size);
      if (address.address() == 0) {
        throw new OutOfMemoryError("the host has no " + size + " bytes of native memory left");
      }
      return address.reinterpret(bytes);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
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
