package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.List;

/// Cases of dropout.
final class DropoutCases {
  private DropoutCases() {}

  static List<OperationCase> dropouts() {
    List<OperationCase> cases = new ArrayList<>();
    int[][] sizes = {
      {0, 7}, {1, 1}, {3, 7}, {65, 64}, {257, 63}, {1025, 33}, {5, 384}, {2, 1025}, {3, 119}, {2, 41}
    };
    for (int[] size : sizes) {
      for (double probability : new double[] {0, 0.1, 0.75}) {
        // The second first row needs more than 32 bits of the counter.
        for (long firstRow : new long[] {0, 3_000_000_001L}) {
          for (String alias : List.of("", "x")) {
            cases.add(
                dropout(new Dropout(probability, 0x123456789ABCDEFL, firstRow), size, alias));
          }
        }
      }
    }
    return cases;
  }

  private static OperationCase dropout(Dropout spec, int[] size, String alias) {
    int m = size[0];
    int n = size[1];
    return OperationCase.of("dropout", spec, m, n, "y is " + alias)
        .input("x", new TestData("dropout " + m + " " + n).normals((long) m * n), m, n)
        .output("y", Tolerance.f32(3, 0), m, n)
        .aliased(alias)
        .call((b, t) -> b.dropout(spec, t.apply("x"), t.apply("y")));
  }
}
