package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.bellows.tensor.OperationCase.Argument;
import dev.bellows.tensor.OperationCase.Role;
import dev.bellows.tensor.OperationCase.Tolerance;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Runs [OperationCase]s on a backend and compares what they leave behind.
///
/// Each tensor is a slice out of a larger buffer whose other bytes are 0xFF: an operation that reads beside its tensors computes NaN, one
/// that writes there is found out.
final class OperationRunner {
  private OperationRunner() {}

  /// What a call left in its tensors, by name, and its scalar results.
  record Outcome(Map<String, byte[]> contents, double[] scalars) {}

  /// Runs `operation` with `guard` elements before and after each tensor.
  ///
  /// @param alias whether outputs that may be an input's tensor are that tensor
  static Outcome run(Backend backend, OperationCase operation, int guard, boolean alias) {
    Map<String, Tensor> buffers = new LinkedHashMap<>();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try {
      for (Argument argument : operation.arguments()) {
        if (alias && !argument.alias().isEmpty()) {
          tensors.put(argument.name(), tensors.get(argument.alias()));
        } else {
          long elements = argument.shape().elements();
          Tensor buffer =
              backend.allocate(
                  argument.dtype(), Shape.of(elements + 2L * guard), Category.WORKSPACE);
          buffers.put(argument.name(), buffer);
          backend.upload(MemorySegment.ofArray(guarded(argument, guard)), buffer);
          tensors.put(argument.name(), buffer.slice(guard, argument.shape().dims()));
        }
      }
      double[] scalars = operation.call().run(backend, tensors::get);
      Map<String, byte[]> contents = new LinkedHashMap<>();
      for (Argument argument : operation.arguments()) {
        byte[] content = new byte[(int) tensors.get(argument.name()).bytes()];
        backend.download(tensors.get(argument.name()), MemorySegment.ofArray(content));
        contents.put(argument.name(), content);
      }
      for (Argument argument : operation.arguments()) {
        if (buffers.containsKey(argument.name())) {
          checkGuard(
              backend,
              operation,
              argument,
              buffers.get(argument.name()),
              contents.get(argument.name()),
              guard);
        }
      }
      return new Outcome(contents, scalars);
    } finally {
      buffers.values().forEach(Tensor::release);
    }
  }

  private static byte[] guarded(Argument argument, int guard) {
    int margin = guard * argument.dtype().bytes();
    byte[] bytes = new byte[argument.content().length + 2 * margin];
    Arrays.fill(bytes, (byte) 0xFF);
    System.arraycopy(argument.content(), 0, bytes, margin, argument.content().length);
    return bytes;
  }

  private static void checkGuard(
      Backend backend,
      OperationCase operation,
      Argument argument,
      Tensor buffer,
      byte[] content,
      int guard) {
    byte[] found = new byte[(int) buffer.bytes()];
    backend.download(buffer, MemorySegment.ofArray(found));
    Argument after =
        new Argument(
            argument.name(),
            argument.dtype(),
            argument.shape(),
            content,
            argument.role(),
            argument.tolerance(),
            "",
            0);
    assertArrayEquals(
        guarded(after, guard),
        found,
        () -> operation + ": wrote outside of " + argument.name() + seed());
  }

  /// Fails unless `actual` is within the tolerances of `expected` and no input was changed.
  ///
  /// @param aliased the outputs were their inputs' tensors, so those inputs may have changed
  static void compare(OperationCase operation, Outcome expected, Outcome actual, boolean aliased) {
    for (Argument argument : operation.arguments()) {
      String name = argument.name();
      boolean overwritten =
          aliased && operation.arguments().stream().anyMatch(other -> other.alias().equals(name));
      if (argument.role() == Role.INPUT && !overwritten) {
        assertArrayEquals(
            argument.content(),
            actual.contents().get(name),
            () -> operation + ": input " + name + " was changed" + seed());
      } else if (argument.role() != Role.INPUT) {
        double[] right = values(argument.dtype(), expected.contents().get(name));
        double[] found = values(argument.dtype(), actual.contents().get(name));
        compare(operation + ": " + name, argument.tolerance(), right, found);
      }
    }
    compare(
        operation + ": result", operation.scalarTolerance(), expected.scalars(), actual.scalars());
  }

  private static void compare(
      String what, Tolerance tolerance, double[] expected, double[] actual) {
    int worst = -1;
    double worstRatio = 1;
    for (int i = 0; i < expected.length; i++) {
      double ratio = ratio(expected[i], actual[i], tolerance.at(i, expected[i]));
      if (ratio > worstRatio) {
        worst = i;
        worstRatio = ratio;
      }
    }
    if (worst >= 0) {
      fail(
          what
              + "["
              + worst
              + "] is "
              + actual[worst]
              + ", expected "
              + expected[worst]
              + " within "
              + tolerance.at(worst, expected[worst])
              + " (off by "
              + worstRatio
              + " tolerances)"
              + seed());
    }
  }

  /// The error in tolerances; infinite where a NaN, an infinity or an exact value is missed.
  private static double ratio(double expected, double actual, double tolerance) {
    if (expected == actual || Double.isNaN(expected) && Double.isNaN(actual)) {
      return 0;
    }
    double ratio = Math.abs(expected - actual) / tolerance;
    return Double.isNaN(ratio) ? Double.POSITIVE_INFINITY : ratio;
  }

  /// Fails unless both outcomes have the same bits.
  static void sameBits(OperationCase operation, String what, Outcome expected, Outcome actual) {
    for (Argument argument : operation.arguments()) {
      byte[] right = expected.contents().get(argument.name());
      byte[] found = actual.contents().get(argument.name());
      assertArrayEquals(
          right,
          found,
          () -> operation + ": bits of " + argument.name() + " differ with " + what + seed());
    }
    assertArrayEquals(
        bits(expected.scalars()),
        bits(actual.scalars()),
        () -> operation + ": result differs with " + what + seed());
  }

  private static long[] bits(double[] values) {
    return Arrays.stream(values).mapToLong(Double::doubleToRawLongBits).toArray();
  }

  /// The elements of a buffer as doubles.
  static double[] values(DType dtype, byte[] content) {
    try (ReferenceBackend reference = new ReferenceBackend();
        Tensor tensor =
            reference.allocate(
                dtype, Shape.of(content.length / dtype.bytes()), Category.WORKSPACE)) {
      tensor.segment().copyFrom(MemorySegment.ofArray(content));
      return Values.read(tensor);
    }
  }

  /// Every call that differs from `operation` in one argument of the wrong shape or dtype, as fresh cases.
  static List<OperationCase> broken(OperationCase operation) {
    List<OperationCase> cases = new ArrayList<>();
    for (Argument broken : operation.arguments()) {
      long[] dims = broken.shape().dims();
      dims[broken.breakDim()]++;
      cases.add(with(operation, broken, broken.dtype(), Shape.of(dims), "shape of "));
      cases.add(
          with(
              operation,
              broken,
              broken.dtype() == DType.I32 ? DType.F32 : DType.I32,
              broken.shape(),
              "dtype of "));
    }
    return cases;
  }

  private static OperationCase with(
      OperationCase operation, Argument broken, DType dtype, Shape shape, String what) {
    byte[] content = new byte[(int) shape.elements() * dtype.bytes()];
    Argument replaced =
        new Argument(
            broken.name(), dtype, shape, content, broken.role(), broken.tolerance(), "", 0);
    List<Argument> arguments =
        operation.arguments().stream()
            .map(argument -> argument == broken ? replaced : argument)
            .toList();
    return new OperationCase(
        operation.name() + ", wrong " + what + broken.name(),
        arguments,
        operation.call(),
        operation.scalarTolerance());
  }

  /// How to replay a failure.
  static String seed() {
    return " (seed " + TestData.SEED + ", replay with -Dbellows.test.seed=" + TestData.SEED + ")";
  }

  static int[] integers(byte[] content) {
    return MemorySegment.ofArray(content).toArray(ValueLayout.JAVA_INT_UNALIGNED);
  }

  static float[] floats(byte[] content) {
    return MemorySegment.ofArray(content).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }
}
