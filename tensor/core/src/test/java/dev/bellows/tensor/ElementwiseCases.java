package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Role;
import dev.bellows.tensor.OperationCase.Tolerance;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Cases of moving, element-wise operations, reductions and update rules.
final class ElementwiseCases {
  /// Nothing, one, primes, both sides of vector and block borders, enough for several threads.
  private static final int[] SIZES = {0, 1, 7, 63, 64, 65, 257, 1025, 4096, 4097, 100_003};

  private ElementwiseCases() {}

  static List<OperationCase> moving() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : SIZES) {
      TestData data = new TestData("moving " + n);
      cases.add(
          OperationCase.of("fill", n)
              .output("x", Tolerance.EXACT, n)
              .call((b, t) -> b.fill(t.apply("x"), -2.5)));
      cases.add(
          OperationCase.of("fill", n, "zero")
              .output("x", Tolerance.EXACT, n)
              .call((b, t) -> b.fill(t.apply("x"), 0)));
      cases.add(scale(n, data.normals(n), 0.375, Tolerance.EXACT));
      // The factor may be rounded to F32 before the product is; the oracle's product is rounded
      // once, too.
      cases.add(scale(n, data.normals(n), 0.1, Tolerance.f32(3, 0)));
      float[] a = data.normals(n);
      float[] c = data.normals(n);
      cases.add(add(n, a, c, "").call((b, t) -> b.add(t.apply("a"), t.apply("b"), t.apply("out"))));
      cases.add(
          add(n, a, c, "a").call((b, t) -> b.add(t.apply("a"), t.apply("b"), t.apply("out"))));
      cases.add(
          add(n, a, c, "b").call((b, t) -> b.add(t.apply("a"), t.apply("b"), t.apply("out"))));
    }
    return cases;
  }

  private static OperationCase scale(int n, float[] x, double factor, Tolerance tolerance) {
    return OperationCase.of("scale", n, factor)
        .updated("x", x, tolerance, n)
        .call((b, t) -> b.scale(t.apply("x"), factor));
  }

  private static OperationCase.Builder add(int n, float[] a, float[] c, String alias) {
    return OperationCase.of("add", n, "out is " + alias)
        .input("a", a, n)
        .input("b", c, n)
        .output("out", Tolerance.EXACT, n)
        .aliased(alias);
  }

  /// Copies between each pair of `dtypes`, exact to the bit: ties, halves, infinities, NaN, values out of range.
  static List<OperationCase> copies(Set<DType> dtypes) {
    float[] special = {
      0,
      -0f,
      1,
      -1,
      0.5f,
      1.5f,
      2.5f,
      -2.5f,
      255,
      256,
      300,
      -7.9f,
      1.00390625f,
      1.01171875f,
      3.4e38f,
      65504,
      65520,
      1e-8f,
      6e-8f,
      3e9f,
      -3e9f,
      1e19f,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      Float.MIN_VALUE
    };
    float[] values = new float[1025];
    float[] random = new TestData("copies").normals(values.length, 0, 100);
    for (int i = 0; i < values.length; i++) {
      values[i] = i < special.length ? special[i] : random[i];
    }
    List<OperationCase> cases = new ArrayList<>();
    for (DType source : dtypes) {
      byte[] content = converted(values, source);
      for (DType target : dtypes) {
        byte[] before = new byte[values.length * target.bytes()];
        cases.add(
            OperationCase.of("copy", source, target)
                .raw("source", source, Role.INPUT, content)
                .raw("target", target, Role.OUTPUT, before)
                .call((b, t) -> b.copy(t.apply("source"), t.apply("target"))));
      }
    }
    return cases;
  }

  private static byte[] converted(float[] values, DType dtype) {
    try (ReferenceBackend reference = new ReferenceBackend();
        Tensor tensor = reference.allocate(dtype, Shape.of(values.length), Category.WORKSPACE)) {
      for (int i = 0; i < values.length; i++) {
        Values.write(values[i], tensor, i);
      }
      return tensor.segment().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  static List<OperationCase> halfActivations() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : SIZES) {
      TestData data = new TestData("activations " + n);
      float[] x = data.normals(n, 0, 3);
      float[] dy = data.normals(n);
      // A value near the middle of two BF16 numbers may be rounded to either; they are at most 2^-7
      // of its size apart. The F32 error in front of
      // the rounding is far smaller.
      Tolerance tolerance =
          (i, expected) -> 0x1.0p-7 * Math.abs(expected) + 0x1.0p-18 * Math.abs(x[i]);
      Tolerance slope =
          (i, expected) -> 0x1.0p-7 * Math.abs(expected) + 0x1.0p-18 * (1 + Math.abs(dy[i]));
      cases.add(
          OperationCase.of("gelu", DType.BF16, n)
              .input("x", DType.BF16, x, n)
              .output("y", DType.BF16, tolerance, n)
              .call((b, t) -> b.gelu(t.apply("x"), t.apply("y"))));
      cases.add(
          OperationCase.of("geluBackward", DType.BF16, n)
              .input("x", DType.BF16, x, n)
              .input("dy", DType.BF16, dy, n)
              .output("dx", DType.BF16, slope, n)
              .call((b, t) -> b.geluBackward(t.apply("x"), t.apply("dy"), t.apply("dx"))));
    }
    return cases;
  }

  static List<OperationCase> activations() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : SIZES) {
      TestData data = new TestData("activations " + n);
      float[] x = data.normals(n, 0, 3);
      if (n == 65) {
        x[0] = 1e4f;
        x[1] = -1e4f;
        x[2] = 0;
        x[64] = 30;
      }
      float[] dy = data.normals(n);
      // 1 + tanh cancels for negative x: the error is relative to x, not to the result.
      Tolerance value =
          (i, expected) ->
              8 * 0x1.0p-24 * Math.min(12, Math.abs(x[i])) + 8 * 0x1.0p-24 * Math.abs(expected);
      Tolerance slope =
          (i, expected) -> 8 * 0x1.0p-24 * (4 + Math.abs(expected)) * (1 + Math.abs(dy[i]));
      cases.add(
          OperationCase.of("gelu", n)
              .input("x", x, n)
              .output("y", value, n)
              .call((b, t) -> b.gelu(t.apply("x"), t.apply("y"))));
      cases.add(
          OperationCase.of("relu", n)
              .input("x", x, n)
              .output("y", Tolerance.EXACT, n)
              .call((b, t) -> b.relu(t.apply("x"), t.apply("y"))));
      for (String alias : List.of("", "dy")) {
        cases.add(
            backward("geluBackward", n, x, dy, slope, alias)
                .call((b, t) -> b.geluBackward(t.apply("x"), t.apply("dy"), t.apply("dx"))));
        cases.add(
            backward("reluBackward", n, x, dy, Tolerance.EXACT, alias)
                .call((b, t) -> b.reluBackward(t.apply("x"), t.apply("dy"), t.apply("dx"))));
      }
    }
    float[] broken = {Float.NaN, -1, 1, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    cases.add(
        OperationCase.of("relu", "NaN stays")
            .input("x", broken, 5)
            .output("y", Tolerance.EXACT, 5)
            .call((b, t) -> b.relu(t.apply("x"), t.apply("y"))));
    return cases;
  }

  private static OperationCase.Builder backward(
      String operation, int n, float[] x, float[] dy, Tolerance tolerance, String alias) {
    return OperationCase.of(operation, n, "dx is " + alias)
        .input("x", x, n)
        .input("dy", dy, n)
        .output("dx", tolerance, n)
        .aliased(alias);
  }

  static List<OperationCase> reductions() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : SIZES) {
      float[] x = new TestData("reductions " + n).normals(n, 0.5, 1);
      cases.add(sum("sum", n, x));
      cases.add(sum("squaredNorm", n, x));
    }
    for (int at : new int[] {0, 4095, 4096, 9000}) {
      for (float special :
          new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 3e38f}) {
        float[] x = new TestData("reductions special").normals(9001);
        x[at] = special;
        cases.add(sum("squaredNorm", special + " at " + at, x));
        cases.add(sum("sum", special + " at " + at, x));
      }
    }
    return cases;
  }

  private static OperationCase sum(String operation, Object detail, float[] x) {
    double magnitude = 0;
    for (float value : x) {
      magnitude += operation.equals("sum") ? Math.abs(value) : (double) value * value;
    }
    // An FP64 sum in any order: at most (n - 1) half units of the sum of the magnitudes.
    double bound = Double.isFinite(magnitude) ? x.length * 0x1.0p-53 * magnitude : 0;
    return OperationCase.of(operation, detail)
        .input("x", x, x.length)
        .scalar(
            (i, expected) -> bound,
            (b, t) -> operation.equals("sum") ? b.sum(t.apply("x")) : b.squaredNorm(t.apply("x")));
  }

  static List<OperationCase> updates() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : new int[] {0, 1, 7, 65, 4097, 100_003}) {
      for (long step : new long[] {1, 2, 1000}) {
        cases.add(adamW(n, new AdamWStep(0.5, 0.9, 0.999, 1e-8, 0.1, 0.7, step)));
        cases.add(sgd(n, new SgdStep(0.5, 0.9, false, 0.1, 0.7, step)));
        cases.add(sgd(n, new SgdStep(0.5, 0.9, true, 0, 1, step)));
        cases.add(sgd(n, new SgdStep(0.5, 0, false, 0, 1, step)));
      }
    }
    return cases;
  }

  private static OperationCase adamW(int n, AdamWStep step) {
    TestData data = new TestData("adamW " + n);
    float[] second = data.normals(n);
    for (int i = 0; i < n; i++) {
      second[i] = second[i] * second[i] + 0.01f;
    }
    // Values of a few units through a few roundings; the update divides by sqrt(v) of at least 0.1.
    Tolerance tolerance = Tolerance.f32(8, 4);
    return OperationCase.of("adamW", n, step)
        .updated("parameter", data.normals(n), Tolerance.f32(8, 16), n)
        .input("gradient", data.normals(n), n)
        .updated("firstMoment", data.normals(n), tolerance, n)
        .updated("secondMoment", second, tolerance, n)
        .call(
            (b, t) ->
                b.adamW(
                    step,
                    t.apply("parameter"),
                    t.apply("gradient"),
                    t.apply("firstMoment"),
                    t.apply("secondMoment")));
  }

  private static OperationCase sgd(int n, SgdStep step) {
    TestData data = new TestData("sgd " + n);
    Tolerance tolerance = Tolerance.f32(8, 4);
    OperationCase.Builder builder =
        OperationCase.of("sgd", n, step)
            .updated("parameter", data.normals(n), tolerance, n)
            .input("gradient", data.normals(n), n);
    // The first step must not read the buffer.
    builder =
        step.step() == 1
            ? builder.output("momentum", tolerance, n)
            : builder.updated("momentum", data.normals(n), tolerance, n);
    return builder.call(
        (b, t) -> b.sgd(step, t.apply("parameter"), t.apply("gradient"), t.apply("momentum")));
  }
}
