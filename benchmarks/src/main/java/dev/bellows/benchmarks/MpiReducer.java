package dev.bellows.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/// OpenMPI's all-reduce, called from a process that `mpirun` started. OpenMPI's handles are the addresses of variables of its library.
final class MpiReducer implements RankReducer {
  private static final String LIBRARY = "libmpi.so.40";

  /// `RTLD_NOW | RTLD_GLOBAL`: OpenMPI's plug-ins look for its symbols in the whole process.
  private static final int GLOBAL = 0x102;

  private static final MemorySegment IN_PLACE = MemorySegment.ofAddress(1);

  private final MethodHandle barrier;
  private final MethodHandle allReduce;
  private final MethodHandle end;
  private final MemorySegment world;
  private final MemorySegment floats;
  private final MemorySegment longs;
  private final MemorySegment sum;
  private final MemorySegment max;
  private final int rank;
  private final TensorBuffer buffer = new TensorBuffer();

  /// Joins the other ranks.
  MpiReducer() {
    Linker linker = Linker.nativeLinker();
    SymbolLookup mpi = open(linker);
    world = symbol(mpi, "ompi_mpi_comm_world");
    floats = symbol(mpi, "ompi_mpi_float");
    longs = symbol(mpi, "ompi_mpi_long");
    sum = symbol(mpi, "ompi_mpi_op_sum");
    max = symbol(mpi, "ompi_mpi_op_max");
    barrier =
        linker.downcallHandle(symbol(mpi, "MPI_Barrier"), FunctionDescriptor.of(JAVA_INT, ADDRESS));
    allReduce =
        linker.downcallHandle(
            symbol(mpi, "MPI_Allreduce"),
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    end = linker.downcallHandle(symbol(mpi, "MPI_Finalize"), FunctionDescriptor.of(JAVA_INT));
    rank = join(linker, mpi);
  }

  private static SymbolLookup open(Linker linker) {
    MethodHandle dlopen =
        linker.downcallHandle(
            symbol(linker.defaultLookup(), "dlopen"),
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(LIBRARY), GLOBAL);
      if (handle.address() == 0) {
        throw new IllegalStateException(
            LIBRARY + " cannot be loaded; it belongs to the same OpenMPI as mpirun");
      }
    } catch (Throwable e) {
      throw failure(e);
    }
    return SymbolLookup.libraryLookup(LIBRARY, Arena.global());
  }

  private static MemorySegment symbol(SymbolLookup lookup, String name) {
    return lookup
        .find(name)
        .orElseThrow(() -> new IllegalStateException("OpenMPI's library has no symbol " + name));
  }

  private int join(Linker linker, SymbolLookup mpi) {
    MethodHandle begin =
        linker.downcallHandle(
            symbol(mpi, "MPI_Init"), FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    MethodHandle commRank =
        linker.downcallHandle(
            symbol(mpi, "MPI_Comm_rank"), FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      require((int) begin.invokeExact(MemorySegment.NULL, MemorySegment.NULL));
      MemorySegment number = arena.allocate(JAVA_INT);
      require((int) commRank.invokeExact(world, number));
      return number.get(JAVA_INT, 0);
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private static void require(int code) {
    if (code != 0) {
      throw new IllegalStateException("an OpenMPI call failed with code " + code);
    }
  }

  private static RuntimeException failure(Throwable e) {
    return e instanceof RuntimeException known ? known : new IllegalStateException(e);
  }

  int rank() {
    return rank;
  }

  @Override
  public void fill(long elements, float value) {
    buffer.fill(elements, value);
  }

  @Override
  public float element(long index) {
    return buffer.element(index);
  }

  @Override
  public void barrier() {
    try {
      require((int) barrier.invokeExact(world));
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  @Override
  public void allReduce() {
    MemorySegment numbers = buffer.tensor().segment();
    reduce(numbers, (int) buffer.tensor().elements(), floats, sum);
  }

  private void reduce(MemorySegment numbers, int count, MemorySegment type, MemorySegment how) {
    try {
      require((int) allReduce.invokeExact(IN_PLACE, numbers, count, type, how, world));
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  /// On every rank the larger of the ranks' values, one by one.
  long[] largest(long[] mine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocateFrom(JAVA_LONG, mine);
      reduce(numbers, mine.length, longs, max);
      return numbers.toArray(JAVA_LONG);
    }
  }

  @Override
  public void close() {
    buffer.close();
    try {
      require((int) end.invokeExact());
    } catch (Throwable e) {
      throw failure(e);
    }
  }
}
