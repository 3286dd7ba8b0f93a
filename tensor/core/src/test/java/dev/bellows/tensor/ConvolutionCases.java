package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.List;

/// Cases of convolution and pooling.
final class ConvolutionCases {
  private ConvolutionCases() {}

  static List<OperationCase> convolutions() {
    List<OperationCase> cases = new ArrayList<>();
    cases.addAll(convolution(0, new Convolution(2, 5, 4, 3, 3, 1, 1)));
    cases.addAll(convolution(1, new Convolution(1, 1, 1, 1, 1, 1, 0)));
    cases.addAll(convolution(2, new Convolution(2, 5, 4, 3, 3, 1, 1)));
    cases.addAll(convolution(3, new Convolution(3, 7, 9, 2, 3, 2, 0)));
    cases.addAll(convolution(5, new Convolution(1, 28, 28, 6, 5, 1, 2)));
    cases.addAll(convolution(2, new Convolution(5, 13, 35, 7, 4, 3, 5)));
    cases.addAll(convolution(33, new Convolution(2, 6, 17, 3, 5, 1, 0)));
    cases.addAll(convolution(17, new Convolution(1, 3, 40, 2, 3, 1, 4)));
    return cases;
  }

  private static List<OperationCase> convolution(int m, Convolution spec) {
    TestData data = new TestData("convolution " + m + " " + spec);
    float[] x = data.normals((long) m * spec.inElements());
    float[] dy = data.normals((long) m * spec.outElements());
    long[] kernel = {spec.outChannels(), spec.inChannels(), spec.kernel(), spec.kernel()};
    float[] weight = data.normals((long) spec.outChannels() * spec.window());
    float[] bias = data.normals(spec.outChannels());
    List<OperationCase> cases = new ArrayList<>();
    cases.add(
        OperationCase.of("convolution", m, spec)
            .input("x", x, m, spec.inElements())
            .input("weight", weight, kernel)
            .input("bias", bias, spec.outChannels())
            .output("y", Tolerance.normalSum(spec.window() + 2), m, spec.outElements())
            .call(
                (b, t) ->
                    b.convolution(
                        spec, t.apply("x"), t.apply("weight"), t.apply("bias"), t.apply("y"))));
    long reads = (long) spec.outChannels() * spec.kernel() * spec.kernel();
    cases.add(
        OperationCase.of("convolutionInputGradient", m, spec)
            .input("weight", weight, kernel)
            .input("dy", dy, m, spec.outElements())
            .output("dx", Tolerance.normalSum(reads + 2), m, spec.inElements())
            .call(
                (b, t) ->
                    b.convolutionInputGradient(
                        spec, t.apply("weight"), t.apply("dy"), t.apply("dx"))));
    Tolerance sums = Tolerance.normalSum((long) m * spec.outHeight() * spec.outWidth() + 2);
    for (boolean accumulate : new boolean[] {false, true}) {
      OperationCase.Builder builder =
          OperationCase.of("convolutionWeightGradient", m, spec, accumulate)
              .input("x", x, m, spec.inElements())
              .input("dy", dy, m, spec.outElements());
      builder =
          accumulate
              ? builder
                  .updated("dweight", weight, sums, kernel)
                  .updated("dbias", bias, sums, spec.outChannels())
              : builder
                  .output("dweight", sums, kernel)
                  .output("dbias", sums, spec.outChannels());
      cases.add(
          builder.call(
              (b, t) ->
                  b.convolutionWeightGradient(
                      spec,
                      t.apply("x"),
                      t.apply("dy"),
                      t.apply("dweight"),
                      t.apply("dbias"),
                      accumulate)));
    }
    return cases;
  }

  static List<OperationCase> poolings() {
    List<OperationCase> cases = new ArrayList<>();
    cases.addAll(pooling(0, new Pooling(2, 5, 4, 2, 2)));
    cases.addAll(pooling(1, new Pooling(1, 1, 1, 1, 1)));
    cases.addAll(pooling(2, new Pooling(3, 5, 7, 2, 2)));
    cases.addAll(pooling(3, new Pooling(2, 9, 11, 3, 2)));
    cases.addAll(pooling(2, new Pooling(2, 6, 6, 2, 3)));
    cases.addAll(pooling(33, new Pooling(6, 28, 28, 2, 2)));
    return cases;
  }

  private static List<OperationCase> pooling(int m, Pooling spec) {
    TestData data = new TestData("pooling " + m + " " + spec);
    float[] x = data.normals((long) m * spec.inElements());
    for (int i = 0; i < x.length; i++) {
      // Steps of a half make equals; a few elements are no numbers.
      x[i] = i % 57 == 41 ? Float.NaN : Math.round(2 * x[i]) / 2f;
    }
    OperationCase forward =
        OperationCase.of("maxPool", m, spec)
            .input("x", x, m, spec.inElements())
            .output("y", Tolerance.EXACT, m, spec.outElements())
            .places("places", OperationCase.Role.OUTPUT, new int[m * spec.outElements()], m, spec.outElements())
            .call(
                (b, t) -> b.maxPool(spec, t.apply("x"), t.apply("y"), t.apply("places")));
    int[] places;
    try (Backend reference = new ReferenceBackend()) {
      places =
          OperationRunner.integers(
              OperationRunner.run(reference, forward, 0, false).contents().get("places"));
    }
    OperationCase backward =
        OperationCase.of("maxPoolBackward", m, spec)
            .places("places", OperationCase.Role.INPUT, places, m, spec.outElements())
            .input("dy", data.normals((long) m * spec.outElements()), m, spec.outElements())
            .output("dx", Tolerance.normalSum(8), m, spec.inElements())
            .call(
                (b, t) ->
                    b.maxPoolBackward(spec, t.apply("places"), t.apply("dy"), t.apply("dx")));
    return List.of(forward, backward);
  }
}
