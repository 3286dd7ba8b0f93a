package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.List;

/// Cases of Lion and of the factored second moment.
final class UpdateCases {
  private UpdateCases() {}

  static List<OperationCase> lion() {
    List<OperationCase> cases = new ArrayList<>();
    for (int n : new int[] {0, 1, 7, 65, 4097, 100_003}) {
      cases.add(lion(n, new LionStep(0.5, 0.9, 0.99, 0.1, 0.7)));
      cases.add(lion(n, new LionStep(0.25, 0.95, 0.98, 0, 1)));
    }
    return cases;
  }

  private static OperationCase lion(int n, LionStep step) {
    TestData data = new TestData("lion " + n);
    float[] momentum = data.normals(n);
    float[] gradient = data.normals(n);
    for (int i = 0; i < n; i++) {
      double g = step.gradientScale() * gradient[i];
      double direction = step.beta1() * momentum[i] + (1 - step.beta1()) * g;
      // The sign of what rounding decides is nobody's; exact zeros have theirs.
      if (i % 16 == 5) {
        momentum[i] = 0;
        gradient[i] = 0;
      } else if (Math.abs(direction) < 1e-4) {
        momentum[i] = 1;
        gradient[i] = 1;
      }
    }
    return OperationCase.of("lion", n, step)
        .updated("parameter", data.normals(n), Tolerance.f32(4, 4), n)
        .input("gradient", gradient, n)
        .updated("momentum", momentum, Tolerance.f32(4, 4), n)
        .call(
            (b, t) -> b.lion(step, t.apply("parameter"), t.apply("gradient"), t.apply("momentum")));
  }

  static List<OperationCase> factored() {
    List<OperationCase> cases = new ArrayList<>();
    int[][] sizes = {{0, 5}, {1, 1}, {3, 7}, {1, 65}, {65, 257}, {1025, 33}, {4099, 3}, {5, 1025}};
    for (int[] size : sizes) {
      cases.add(moments(size[0], size[1], 1, 0.3));
      cases.add(moments(size[0], size[1], 0.7, 1));
      cases.add(update(size[0], size[1], 1e-14));
      cases.add(update(size[0], size[1], 1.5));
    }
    return cases;
  }

  private static float[] positive(TestData data, int n) {
    float[] values = data.normals(n);
    for (int i = 0; i < n; i++) {
      values[i] = values[i] * values[i] + 0.01f;
    }
    return values;
  }

  private static OperationCase moments(int m, int n, double scale, double weight) {
    TestData data = new TestData("factoredMoments " + m + " " + n);
    // Sums of positive numbers in FP64 and one rounding to F32.
    Tolerance tolerance = Tolerance.f32(1.001, 0);
    return OperationCase.of("factoredMoments", m, n, scale, weight)
        .input("gradient", data.normals((long) m * n), m, n)
        .updated("rows", positive(data, m), tolerance, m)
        .updated("columns", positive(data, n), tolerance, n)
        .call(
            (b, t) ->
                b.factoredMoments(
                    scale, weight, t.apply("gradient"), t.apply("rows"), t.apply("columns")));
  }

  private static OperationCase update(int m, int n, double floor) {
    TestData data = new TestData("factoredUpdate " + m + " " + n);
    return OperationCase.of("factoredUpdate", m, n, floor)
        .input("gradient", data.normals((long) m * n), m, n)
        .input("rows", positive(data, m), m)
        .input("columns", positive(data, n), n)
        // Roundings of scale, share, floor, three products, root and quotient.
        .output("update", Tolerance.f32(8, 0), m, n)
        .call(
            (b, t) ->
                b.factoredUpdate(
                    0.7,
                    0.9,
                    floor,
                    t.apply("gradient"),
                    t.apply("rows"),
                    t.apply("columns"),
                    t.apply("update")));
  }
}
