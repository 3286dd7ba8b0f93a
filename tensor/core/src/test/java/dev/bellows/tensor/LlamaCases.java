package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.List;

/// Cases of RMS normalisation, SwiGLU and rotary embedding.
final class LlamaCases {
  private static final int[][] SIZES = {
    {0, 7}, {1, 1}, {3, 7}, {65, 64}, {257, 63}, {1025, 33}, {5, 384}, {2, 1025}
  };

  private LlamaCases() {}

  static List<OperationCase> rmsNorms() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size : SIZES) {
      cases.add(rmsNorm(size[0], size[1]));
      for (boolean accumulate : new boolean[] {false, true}) {
        cases.add(rmsNormBackward(size[0], size[1], accumulate, ""));
        cases.add(rmsNormBackward(size[0], size[1], accumulate, "dy"));
      }
    }
    return cases;
  }

  private static OperationCase rmsNorm(int m, int n) {
    TestData data = new TestData("rmsNorm " + m + " " + n);
    double units = 8 + 2 * Math.sqrt(n);
    return OperationCase.of("rmsNorm", m, n)
        .input("x", data.normals((long) m * n), m, n)
        .input("gamma", data.normals(n), n)
        .output("y", Tolerance.f32(units, 4), m, n)
        .output("inverseRms", Tolerance.f32(units, 1), m)
        .call(
            (b, t) ->
                b.rmsNorm(
                    t.apply("x"), t.apply("gamma"), 1e-5, t.apply("y"), t.apply("inverseRms")));
  }

  private static OperationCase rmsNormBackward(int m, int n, boolean accumulate, String alias) {
    TestData data = new TestData("rmsNormBackward " + m + " " + n);
    float[] x = data.normals((long) m * n);
    float[] inverse = new float[m];
    double steepest = 1;
    for (int i = 0; i < m; i++) {
      double squares = 0;
      for (int j = 0; j < n; j++) {
        squares += (double) x[i * n + j] * x[i * n + j];
      }
      inverse[i] = (float) (1 / Math.sqrt(squares / n + 1e-5));
      steepest = Math.max(steepest, inverse[i]);
    }
    double units = 8 + 2 * Math.sqrt(n);
    Tolerance sums = Tolerance.normalSum(m + 2);
    OperationCase.Builder builder =
        OperationCase.of("rmsNormBackward", m, n, accumulate, "dx is " + alias)
            .input("x", x, m, n)
            .input("gamma", data.normals(n), n)
            .input("inverseRms", inverse, m)
            .input("dy", data.normals((long) m * n), m, n)
            .output("dx", Tolerance.f32(units, 4 * steepest), m, n)
            .aliased(alias);
    builder =
        accumulate
            ? builder.updated("dgamma", data.normals(n), sums, n)
            : builder.output("dgamma", sums, n);
    return builder.call(
        (b, t) ->
            b.rmsNormBackward(
                t.apply("x"),
                t.apply("gamma"),
                t.apply("inverseRms"),
                t.apply("dy"),
                t.apply("dx"),
                t.apply("dgamma"),
                accumulate));
  }

  static List<OperationCase> swiGlus() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size : SIZES) {
      int m = size[0];
      int n = size[1];
      TestData data = new TestData("swiGlu " + m + " " + n);
      float[] x = data.normals(2L * m * n, 0, 3);
      if (n == 384) {
        x[0] = 1e4f;
        x[1] = -1e4f;
        x[2] = 0;
        x[3] = -90;
      }
      float[] dy = data.normals((long) m * n);
      cases.add(
          OperationCase.of("swiGlu", m, n)
              .input("x", x, m, 2L * n)
              .output("y", Tolerance.f32(12, 1), m, n)
              .call((b, t) -> b.swiGlu(t.apply("x"), t.apply("y"))));
      // 1 + gate · (1 - s) cancels near gate = -1.28: the error is relative to dy · up.
      Tolerance gradient =
          (i, expected) -> {
            int column = i % (2 * n) % n;
            int row = i / (2 * n);
            double size1 = Math.abs(dy[row * n + column] * x[row * 2 * n + n + column]);
            return 12 * 0x1.0p-24 * (1 + 2 * size1 + Math.abs(expected));
          };
      cases.add(
          OperationCase.of("swiGluBackward", m, n)
              .input("x", x, m, 2L * n)
              .input("dy", dy, m, n)
              .output("dx", gradient, m, 2L * n)
              .call((b, t) -> b.swiGluBackward(t.apply("x"), t.apply("dy"), t.apply("dx"))));
    }
    return cases;
  }

  static List<OperationCase> rotaries() {
    List<OperationCase> cases = new ArrayList<>();
    // Sequences, time, turned heads, head width, elements behind them.
    int[][] sizes = {
      {0, 3, 1, 2, 0},
      {1, 1, 1, 2, 0},
      {2, 7, 3, 6, 5},
      {3, 65, 2, 32, 32},
      {1, 257, 3, 66, 0},
      {2, 100, 5, 128, 256}
    };
    for (int[] size : sizes) {
      for (boolean inverse : new boolean[] {false, true}) {
        for (String alias : List.of("", "x")) {
          double theta = size[3] == 128 ? 500_000 : 10_000;
          cases.add(
              rotary(
                  new Rotary(size[1], size[2], size[3], theta, inverse), size[0], size[4], alias));
        }
      }
    }
    return cases;
  }

  private static OperationCase rotary(Rotary spec, int sequences, int behind, String alias) {
    int m = sequences * spec.time();
    int n = spec.heads() * spec.headWidth() + behind;
    return OperationCase.of("rotary", spec, sequences, behind, "y is " + alias)
        .input("x", new TestData("rotary " + m + " " + n).normals((long) m * n), m, n)
        .output("y", Tolerance.f32(6, 4), m, n)
        .aliased(alias)
        .call((b, t) -> b.rotary(spec, t.apply("x"), t.apply("y")));
  }
}
