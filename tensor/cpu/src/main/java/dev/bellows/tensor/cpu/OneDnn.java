package dev.bellows.tensor.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.bellows.tensor.BackendUnavailableException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// The native library oneDNN (Intel's deep neural network library, C API of version 3), and the two OpenMP calls that it needs.
///
/// Objects of the library are their addresses. A status other than success becomes an [IllegalStateException] that names the call.
/// Thread-safe as the library is: engines, descriptors and primitives may be shared, a memory object belongs to one thread.
final class OneDnn {
  static final int BF16 = 2;
  static final int F32 = 3;
  static final int ARG_SRC = 1;
  static final int ARG_DST = 17;
  static final int ARG_WEIGHTS = 33;
  static final int ARG_BIAS = 41;
  static final int ARG_SCRATCHPAD = 80;

  private static final int CPU = 1;
  private static final int IN_ORDER = 1;
  private static final int SCRATCHPAD_USER = 1;
  private static final int QUERY_WEIGHTS = 131;
  private static final int QUERY_SCRATCHPAD = 136;
  private static final int ANY_FORMAT = 1;
  private static final String LOCATION = "org/bytedeco/dnnl/linux-x86_64/";
  private static final List<String> FILES = List.of("libdnnl.so.3", "libgomp.so.1");

  /// Method handles by the names of the C functions, without their prefix `dnnl_`. Pointers are passed as longs: the same register, no object.
  private record Functions(
      MethodHandle version,
      MethodHandle getEffectiveCpuIsa,
      MethodHandle engineCreate,
      MethodHandle streamCreate,
      MethodHandle streamDestroy,
      MethodHandle memoryDescCreateWithStrides,
      MethodHandle memoryDescCreateWithTag,
      MethodHandle memoryDescClone,
      MethodHandle memoryDescDestroy,
      MethodHandle memoryDescGetSize,
      MethodHandle primitiveAttrCreate,
      MethodHandle primitiveAttrDestroy,
      MethodHandle primitiveAttrSetScratchpadMode,
      MethodHandle primitiveAttrSetPostOps,
      MethodHandle postOpsCreate,
      MethodHandle postOpsDestroy,
      MethodHandle postOpsAppendSum,
      MethodHandle matmulPrimitiveDescCreate,
      MethodHandle reorderPrimitiveDescCreate,
      MethodHandle primitiveDescDestroy,
      MethodHandle primitiveDescQueryMd,
      MethodHandle primitiveCreate,
      MethodHandle primitiveDestroy,
      MethodHandle primitiveExecute,
      MethodHandle memoryCreate,
      MethodHandle memoryDestroy,
      MethodHandle memorySetDataHandle,
      MethodHandle sgemm,
      MethodHandle ompSetNumThreads,
      MethodHandle ompGetMaxThreads) {}

  private static final Functions NATIVE;
  private static final BackendUnavailableException REFUSAL;

  static {
    Functions functions = null;
    BackendUnavailableException refusal = null;
    try {
      functions = link();
    } catch (IOException
        | IllegalArgumentException
        | UnsatisfiedLinkError
        | java.util.NoSuchElementException e) {
      refusal =
          new BackendUnavailableException(
              "oneDNN cannot be loaded ("
                  + e.getMessage()
                  + "); put the jar org.bytedeco:dnnl with classifier linux-x86_64 on the class"
                  + " path and let -Dbellows.native.cache name a writable folder that allows"
                  + " execution",
              e);
    }
    NATIVE = functions;
    REFUSAL = refusal;
  }

  private OneDnn() {}

  /// Errors: [BackendUnavailableException] when the library could not be loaded.
  static void verifyAvailable() {
    if (REFUSAL != null) {
      throw new BackendUnavailableException(REFUSAL.getMessage(), REFUSAL);
    }
  }

  private static Functions link() throws IOException {
    Path folder = NativeLibraryCache.unpack(LOCATION, FILES);
    // Its run path is its own folder, so the OpenMP runtime beside it is found; the lookup sees
    // that one's symbols too.
    SymbolLookup library =
        SymbolLookup.libraryLookup(folder.resolve("libdnnl.so.3"), Arena.global());
    return new Functions(
        handle(library, "dnnl_version", FunctionDescriptor.of(ADDRESS)),
        status(library, "dnnl_get_effective_cpu_isa"),
        status(library, "dnnl_engine_create", JAVA_LONG, JAVA_INT, JAVA_LONG),
        status(library, "dnnl_stream_create", JAVA_LONG, JAVA_LONG, JAVA_INT),
        status(library, "dnnl_stream_destroy", JAVA_LONG),
        status(
            library,
            "dnnl_memory_desc_create_with_strides",
            JAVA_LONG,
            JAVA_INT,
            JAVA_LONG,
            JAVA_INT,
            JAVA_LONG),
        status(
            library,
            "dnnl_memory_desc_create_with_tag",
            JAVA_LONG,
            JAVA_INT,
            JAVA_LONG,
            JAVA_INT,
            JAVA_INT),
        status(library, "dnnl_memory_desc_clone", JAVA_LONG, JAVA_LONG),
        status(library, "dnnl_memory_desc_destroy", JAVA_LONG),
        handle(library, "dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG)),
        status(library, "dnnl_primitive_attr_create", JAVA_LONG),
        status(library, "dnnl_primitive_attr_destroy", JAVA_LONG),
        status(library, "dnnl_primitive_attr_set_scratchpad_mode", JAVA_LONG, JAVA_INT),
        status(library, "dnnl_primitive_attr_set_post_ops", JAVA_LONG, JAVA_LONG),
        status(library, "dnnl_post_ops_create", JAVA_LONG),
        status(library, "dnnl_post_ops_destroy", JAVA_LONG),
        status(library, "dnnl_post_ops_append_sum", JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT),
        status(
            library,
            "dnnl_matmul_primitive_desc_create",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG),
        status(
            library,
            "dnnl_reorder_primitive_desc_create",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG),
        status(library, "dnnl_primitive_desc_destroy", JAVA_LONG),
        handle(
            library,
            "dnnl_primitive_desc_query_md",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT)),
        status(library, "dnnl_primitive_create", JAVA_LONG, JAVA_LONG),
        status(library, "dnnl_primitive_destroy", JAVA_LONG),
        status(library, "dnnl_primitive_execute", JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG),
        status(library, "dnnl_memory_create", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
        status(library, "dnnl_memory_destroy", JAVA_LONG),
        status(library, "dnnl_memory_set_data_handle", JAVA_LONG, JAVA_LONG),
        status(
            library,
            "dnnl_sgemm",
            JAVA_BYTE,
            JAVA_BYTE,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_FLOAT,
            JAVA_LONG,
            JAVA_LONG),
        handle(library, "omp_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT)),
        status(library, "omp_get_max_threads"));
  }

  private static MethodHandle status(SymbolLookup library, String name, MemoryLayout... arguments) {
    return handle(library, name, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  private static MethodHandle handle(
      SymbolLookup library, String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), descriptor);
  }

  private static void check(String call, int status) {
    if (status != 0) {
      throw new IllegalStateException(
          "oneDNN: " + call + " failed with status " + status + reason(status));
    }
  }

  private static String reason(int status) {
    return switch (status) {
      case 1 -> " (out of memory)";
      case 2 -> " (invalid arguments)";
      case 3 -> " (not implemented for these sizes or types)";
      case 5 -> " (runtime error)";
      default -> "";
    };
  }

  private static AssertionError unexpected(Throwable e) {
    if (e instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (e instanceof Error error) {
      throw error;
    }
    return new AssertionError(e);
  }

  /// The library's version, such as `3.11.0`.
  static String version() {
    try {
      MemorySegment version =
          ((MemorySegment) NATIVE.version.invokeExact()).reinterpret(3L * Integer.BYTES);
      return version.getAtIndex(JAVA_INT, 0)
          + "."
          + version.getAtIndex(JAVA_INT, 1)
          + "."
          + version.getAtIndex(JAVA_INT, 2);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /// The instruction set that the library's kernels use on this CPU and under its environment variables.
  static String instructionSet() {
    int isa;
    try {
      isa = (int) NATIVE.getEffectiveCpuIsa.invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
    return switch (isa) {
      case 0x7 -> "avx2";
      case 0xF -> "avx2_vnni";
      case 0x1F -> "avx2_vnni_2";
      case 0x27 -> "avx512_core";
      case 0x67 -> "avx512_core_vnni";
      case 0xE7 -> "avx512_core_bf16";
      case 0x1EF -> "avx512_core_fp16";
      case 0xFEF -> "avx512_core_amx";
      case 0x1FEF -> "avx512_core_amx_fp16";
      default -> "isa_0x" + Integer.toHexString(isa);
    };
  }

  /// Whether the CPU has instructions for products of BF16.
  static boolean multipliesBf16() {
    return Set.of("avx512_core_bf16", "avx512_core_fp16", "avx512_core_amx", "avx512_core_amx_fp16")
        .contains(instructionSet());
  }

  /// Gives the calling thread an OpenMP team of `threads`, and returns the size that it had.
  static int setOpenMpThreads(int threads) {
    try {
      int before = (int) NATIVE.ompGetMaxThreads.invokeExact();
      NATIVE.ompSetNumThreads.invokeExact(threads);
      return before;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /// Row-major `c = op(a) op(b) + beta c` in F32 on the calling thread's OpenMP team.
  static void sgemm(
      boolean transposeA,
      boolean transposeB,
      long m,
      long n,
      long k,
      long a,
      long lda,
      long b,
      long ldb,
      float beta,
      long c,
      long ldc) {
    try {
      byte ta = (byte) (transposeA ? 'T' : 'N');
      byte tb = (byte) (transposeB ? 'T' : 'N');
      check(
          "sgemm",
          (int) NATIVE.sgemm.invokeExact(ta, tb, m, n, k, 1f, a, lda, b, ldb, beta, c, ldc));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /// Calls `function` with a place for its result in front of its arguments, and returns that result.
  private static long created(String call, Creation function) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment place = arena.allocate(JAVA_LONG);
      check(call, function.create(place.address()));
      return place.get(JAVA_LONG, 0);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private interface Creation {
    int create(long place) throws Throwable;
  }

  static long engine() {
    return created("engine_create", place -> (int) NATIVE.engineCreate.invokeExact(place, CPU, 0L));
  }

  static long stream(long engine) {
    return created(
        "stream_create", place -> (int) NATIVE.streamCreate.invokeExact(place, engine, IN_ORDER));
  }

  /// A descriptor of a matrix of `type` whose element (i, j) lies at `i·rowStride + j·columnStride`.
  static long matrix(int type, long rows, long columns, long rowStride, long columnStride) {
    try (Arena arena = Arena.ofConfined()) {
      long dims = arena.allocateFrom(JAVA_LONG, rows, columns).address();
      long strides = arena.allocateFrom(JAVA_LONG, rowStride, columnStride).address();
      return created(
          "memory_desc_create_with_strides",
          place ->
              (int) NATIVE.memoryDescCreateWithStrides.invokeExact(place, 2, dims, type, strides));
    }
  }

  /// A descriptor of a matrix of `type` in a layout that the primitive chooses.
  static long anyMatrix(int type, long rows, long columns) {
    try (Arena arena = Arena.ofConfined()) {
      long dims = arena.allocateFrom(JAVA_LONG, rows, columns).address();
      return created(
          "memory_desc_create_with_tag",
          place ->
              (int) NATIVE.memoryDescCreateWithTag.invokeExact(place, 2, dims, type, ANY_FORMAT));
    }
  }

  static long copyOfLayout(long descriptor) {
    return created(
        "memory_desc_clone", place -> (int) NATIVE.memoryDescClone.invokeExact(place, descriptor));
  }

  static long memoryBytes(long descriptor) {
    try {
      return (long) NATIVE.memoryDescGetSize.invokeExact(descriptor);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long memory(long descriptor, long engine) {
    return created(
        "memory_create",
        place -> (int) NATIVE.memoryCreate.invokeExact(place, descriptor, engine, 0L));
  }

  static void point(long memory, long address) {
    try {
      check(
          "memory_set_data_handle", (int) NATIVE.memorySetDataHandle.invokeExact(memory, address));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /// Attributes of a primitive whose scratchpad the caller provides, and which adds to its destination when `accumulate`.
  static long attributes(boolean accumulate) {
    long attributes =
        created(
            "primitive_attr_create", place -> (int) NATIVE.primitiveAttrCreate.invokeExact(place));
    try {
      check(
          "primitive_attr_set_scratchpad_mode",
          (int) NATIVE.primitiveAttrSetScratchpadMode.invokeExact(attributes, SCRATCHPAD_USER));
      if (accumulate) {
        long operations =
            created("post_ops_create", place -> (int) NATIVE.postOpsCreate.invokeExact(place));
        check(
            "post_ops_append_sum",
            (int) NATIVE.postOpsAppendSum.invokeExact(operations, 1f, 0, F32));
        check(
            "primitive_attr_set_post_ops",
            (int) NATIVE.primitiveAttrSetPostOps.invokeExact(attributes, operations));
        check("post_ops_destroy", (int) NATIVE.postOpsDestroy.invokeExact(operations));
      }
      return attributes;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /// A description of a matrix product; `bias` is 0 for none.
  static long productDescription(long engine, long a, long b, long bias, long c, long attributes) {
    return created(
        "matmul_primitive_desc_create",
        place ->
            (int)
                NATIVE.matmulPrimitiveDescCreate.invokeExact(
                    place, engine, a, b, bias, c, attributes));
  }

  /// A description of a copy from one layout to another.
  static long reorderDescription(long engine, long from, long to, long attributes) {
    return created(
        "reorder_primitive_desc_create",
        place ->
            (int)
                NATIVE.reorderPrimitiveDescCreate.invokeExact(
                    place, from, engine, to, engine, attributes));
  }

  /// The scratchpad's memory descriptor, owned by `description`.
  static long scratchpad(long description) {
    return queriedLayout(description, QUERY_SCRATCHPAD);
  }

  /// The memory descriptor of a product's second operand, owned by `description`.
  static long weightsLayout(long description) {
    return queriedLayout(description, QUERY_WEIGHTS);
  }

  private static long queriedLayout(long description, int which) {
    try {
      return (long) NATIVE.primitiveDescQueryMd.invokeExact(description, which, 0);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static long primitive(long description) {
    return created(
        "primitive_create", place -> (int) NATIVE.primitiveCreate.invokeExact(place, description));
  }

  /// Runs `primitive` on the calling thread. `arguments` is the address of `count` pairs of an argument number and a memory object.
  static void execute(long primitive, long stream, int count, long arguments) {
    try {
      check(
          "primitive_execute",
          (int) NATIVE.primitiveExecute.invokeExact(primitive, stream, count, arguments));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static void destroyStream(long stream) {
    destroy("stream_destroy", NATIVE.streamDestroy, stream);
  }

  static void destroyMatrix(long descriptor) {
    destroy("memory_desc_destroy", NATIVE.memoryDescDestroy, descriptor);
  }

  static void destroyMemory(long memory) {
    destroy("memory_destroy", NATIVE.memoryDestroy, memory);
  }

  static void destroyAttributes(long attributes) {
    destroy("primitive_attr_destroy", NATIVE.primitiveAttrDestroy, attributes);
  }

  static void destroyDescription(long description) {
    destroy("primitive_desc_destroy", NATIVE.primitiveDescDestroy, description);
  }

  static void destroyPrimitive(long primitive) {
    destroy("primitive_destroy", NATIVE.primitiveDestroy, primitive);
  }

  private static void destroy(String call, MethodHandle function, long object) {
    try {
      check(call, (int) function.invokeExact(object));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }
}
