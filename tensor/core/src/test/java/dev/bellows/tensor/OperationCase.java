package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/// One call of one [Backend] operation on given data, with the error that its results may have.
///
/// @param name operation, sizes and flags, for reports
/// @param arguments the tensors of the call
/// @param call the call itself; finds its tensors by name and returns the scalar results, if any
/// @param scalarTolerance the largest error of a scalar result
record OperationCase(String name, List<Argument> arguments, Call call, Tolerance scalarTolerance) {
  /// What an operation does with a tensor.
  enum Role {
    /// Reads it.
    INPUT,
    /// Overwrites it; it holds NaN before.
    OUTPUT,
    /// Reads and changes it.
    UPDATED
  }

  /// The largest error allowed at element `index` whose right value is `expected`.
  interface Tolerance {
    Tolerance EXACT = (index, expected) -> 0;

    double at(int index, double expected);

    /// `units` half units in the last place of an F32 of `magnitude`, plus as many relative to the value itself.
    static Tolerance f32(double units, double magnitude) {
      return (index, expected) -> units * 0x1.0p-24 * (magnitude + Math.abs(expected));
    }

    /// A sum of `length` products of standard normals, added one by one in F32: partial sums grow like sqrt(i), so their rounding errors add up
    /// to about 0.4 · length half units (one standard deviation); 4 · (length + 4) is ten of them and a floor for short sums.
    static Tolerance normalSum(long length) {
      return f32(4, length + 4);
    }
  }

  /// A call of a backend.
  interface Call {
    double[] run(Backend backend, Function<String, Tensor> tensors);
  }

  /// A tensor of a case.
  ///
  /// @param content the bytes before the call
  /// @param alias the input that may be the same tensor as this output, or empty
  /// @param breakDim a dim whose change contradicts the other arguments
  record Argument(
      String name,
      DType dtype,
      Shape shape,
      byte[] content,
      Role role,
      Tolerance tolerance,
      String alias,
      int breakDim) {}

  @Override
  public String toString() {
    return name;
  }

  static Builder of(String operation, Object... details) {
    return new Builder(operation + (details.length == 0 ? "" : " " + Arrays.deepToString(details)));
  }

  /// Collects the arguments of a case.
  static final class Builder {
    private final String name;
    private final List<Argument> arguments = new ArrayList<>();

    private Builder(String name) {
      this.name = name;
    }

    Builder input(String argument, float[] values, long... dims) {
      return add(argument, DType.F32, bytes(values), Role.INPUT, Tolerance.EXACT, dims);
    }

    /// An input of `values` rounded to `dtype`, F32 or BF16 (here by truncation).
    Builder input(String argument, DType dtype, float[] values, long... dims) {
      if (dtype == DType.F32) {
        return input(argument, values, dims);
      }
      short[] halves = new short[values.length];
      for (int i = 0; i < halves.length; i++) {
        halves[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
      }
      byte[] content = MemorySegment.ofArray(halves).toArray(ValueLayout.JAVA_BYTE);
      return add(argument, dtype, content, Role.INPUT, Tolerance.EXACT, dims);
    }

    Builder ids(String argument, int... values) {
      byte[] content = MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
      return add(argument, DType.I32, content, Role.INPUT, Tolerance.EXACT, values.length);
    }

    /// I32 [rows, columns].
    Builder places(String argument, Role role, int[] values, int rows, int columns) {
      byte[] content = MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
      return add(argument, DType.I32, content, role, Tolerance.EXACT, rows, columns);
    }

    Builder raw(String argument, DType dtype, Role role, byte[] content) {
      return add(argument, dtype, content, role, Tolerance.EXACT, content.length / dtype.bytes());
    }

    Builder output(String argument, Tolerance tolerance, long... dims) {
      float[] values = new float[(int) Shape.of(dims).elements()];
      Arrays.fill(values, Float.NaN);
      return add(argument, DType.F32, bytes(values), Role.OUTPUT, tolerance, dims);
    }

    Builder updated(String argument, float[] values, Tolerance tolerance, long... dims) {
      return add(argument, DType.F32, bytes(values), Role.UPDATED, tolerance, dims);
    }

    /// The last argument may be the same tensor as `input`; this case makes it so.
    Builder aliased(String input) {
      Argument a = arguments.removeLast();
      arguments.add(
          new Argument(
              a.name, a.dtype, a.shape, a.content, a.role, a.tolerance, input, a.breakDim));
      return this;
    }

    /// A change of dim `dim` of the last argument contradicts the others (dim 0 unless said).
    Builder breakDim(int dim) {
      Argument a = arguments.removeLast();
      arguments.add(
          new Argument(a.name, a.dtype, a.shape, a.content, a.role, a.tolerance, a.alias, dim));
      return this;
    }

    private Builder add(
        String argument,
        DType dtype,
        byte[] content,
        Role role,
        Tolerance tolerance,
        long... dims) {
      arguments.add(new Argument(argument, dtype, Shape.of(dims), content, role, tolerance, "", 0));
      return this;
    }

    /// The case of a call without scalar results.
    OperationCase call(java.util.function.BiConsumer<Backend, Function<String, Tensor>> call) {
      return new OperationCase(
          name,
          List.copyOf(arguments),
          (backend, tensors) -> {
            call.accept(backend, tensors);
            return new double[0];
          },
          Tolerance.EXACT);
    }

    /// The case of a call with one scalar result.
    OperationCase scalar(
        Tolerance tolerance,
        java.util.function.ToDoubleBiFunction<Backend, Function<String, Tensor>> call) {
      return new OperationCase(
          name,
          List.copyOf(arguments),
          (backend, tensors) -> new double[] {call.applyAsDouble(backend, tensors)},
          tolerance);
    }

    private static byte[] bytes(float[] values) {
      return MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
