package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Cases of products, layers, attention and losses.
final class LayerCases {
  private LayerCases() {}

  static List<OperationCase> products() {
    int[][] sizes = {
      {0, 5, 3},
      {3, 0, 2},
      {2, 3, 0},
      {1, 1, 1},
      {7, 13, 5},
      {1, 65, 257},
      {63, 64, 65},
      {65, 63, 257},
      {257, 65, 64},
      {1025, 33, 17},
      {129, 257, 130},
      {17, 1025, 3},
      {10, 10, 1025}
    };
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size : sizes) {
      for (int flags = 0; flags < 16; flags++) {
        cases.add(
            product(
                size[0],
                size[1],
                size[2],
                new Gemm((flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0),
                (flags & 8) != 0));
      }
    }
    return cases;
  }

  /// Products of BF16 operands: the oracle multiplies the same rounded operands, so only the sums differ.
  static List<OperationCase> halfProducts() {
    int[][] sizes = {
      {0, 5, 3},
      {2, 3, 0},
      {1, 1, 1},
      {7, 13, 5},
      {65, 63, 257},
      {257, 65, 64},
      {129, 257, 130},
      {530, 299, 300}
    };
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size : sizes) {
      for (int flags = 0; flags < 16; flags++) {
        Gemm spec = new Gemm((flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0);
        boolean biased = (flags & 8) != 0;
        cases.add(product(DType.BF16, DType.F32, size[0], size[1], size[2], spec, biased));
        if (!spec.accumulate()) {
          cases.add(product(DType.BF16, DType.BF16, size[0], size[1], size[2], spec, biased));
        }
      }
    }
    return cases;
  }

  private static OperationCase product(int m, int n, int k, Gemm spec, boolean biased) {
    return product(DType.F32, DType.F32, m, n, k, spec, biased);
  }

  private static OperationCase product(
      DType operands, DType result, int m, int n, int k, Gemm spec, boolean biased) {
    TestData data = new TestData("gemm " + m + " " + n + " " + k);
    OperationCase.Builder builder =
        OperationCase.of(biased ? "gemmBias" : "gemm", operands, result, m, n, k, spec)
            .input(
                "a",
                operands,
                data.normals((long) m * k),
                spec.transposeA() ? new long[] {k, m} : new long[] {m, k})
            .input(
                "b",
                operands,
                data.normals((long) k * n),
                spec.transposeB() ? new long[] {n, k} : new long[] {k, n});
    builder = biased ? builder.input("bias", data.normals(n), n) : builder;
    Tolerance sum = Tolerance.normalSum(k + 2);
    // A sum near the middle of two BF16 numbers may be rounded to either; they are at most 2^-7 of
    // its size apart.
    Tolerance tolerance =
        result == DType.BF16 ? (i, c) -> sum.at(i, c) + 0x1.0p-7 * Math.abs(c) : sum;
    builder =
        spec.accumulate()
            ? builder.updated("c", data.normals((long) m * n), tolerance, m, n)
            : builder.output("c", result, tolerance, m, n);
    return biased
        ? builder.call(
            (b, t) -> b.gemmBias(spec, t.apply("a"), t.apply("b"), t.apply("bias"), t.apply("c")))
        : builder.call((b, t) -> b.gemm(spec, t.apply("a"), t.apply("b"), t.apply("c")));
  }

  static List<OperationCase> halfColumnSums() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size : new int[][] {{0, 5}, {1, 1}, {63, 7}, {65, 257}, {1025, 33}}) {
      TestData data = new TestData("columnSums " + Arrays.toString(size));
      cases.add(
          OperationCase.of("columnSums", DType.BF16, size[0], size[1])
              .input("x", DType.BF16, data.normals((long) size[0] * size[1]), size[0], size[1])
              .breakDim(1)
              .output("out", Tolerance.normalSum(size[0] + 1), size[1])
              .call((b, t) -> b.columnSums(t.apply("x"), t.apply("out"), false)));
    }
    return cases;
  }

  static List<OperationCase> columnSums() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size :
        new int[][] {
          {0, 5}, {1, 1}, {1, 65}, {63, 7}, {64, 64}, {65, 257}, {1025, 33}, {4099, 3}, {5, 1025}
        }) {
      TestData data = new TestData("columnSums " + Arrays.toString(size));
      Tolerance tolerance = Tolerance.normalSum(size[0] + 1);
      for (boolean accumulate : new boolean[] {false, true}) {
        OperationCase.Builder builder =
            OperationCase.of("columnSums", size, accumulate)
                .input("x", data.normals((long) size[0] * size[1]), size[0], size[1])
                .breakDim(1);
        builder =
            accumulate
                ? builder.updated("out", data.normals(size[1]), tolerance, size[1])
                : builder.output("out", tolerance, size[1]);
        cases.add(builder.call((b, t) -> b.columnSums(t.apply("x"), t.apply("out"), accumulate)));
      }
    }
    return cases;
  }

  static List<OperationCase> layerNorms() {
    List<OperationCase> cases = new ArrayList<>();
    int[][] sizes = {{0, 7}, {1, 1}, {3, 7}, {65, 64}, {257, 63}, {1025, 33}, {5, 384}, {2, 1025}};
    for (int[] size : sizes) {
      // An offset of 1000 catches a variance computed as E[x²] - E[x]².
      for (double offset : new double[] {0, 1000}) {
        cases.add(layerNorm(size[0], size[1], offset));
      }
      for (boolean accumulate : new boolean[] {false, true}) {
        cases.add(layerNormBackward(size[0], size[1], accumulate, ""));
        cases.add(layerNormBackward(size[0], size[1], accumulate, "dy"));
      }
    }
    return cases;
  }

  private static OperationCase layerNorm(int m, int n, double offset) {
    TestData data = new TestData("layerNorm " + m + " " + n);
    // The mean's error of up to sqrt(n) half units of the offset passes to every element.
    double units = 8 + 2 * Math.sqrt(n);
    return OperationCase.of("layerNorm", m, n, offset)
        .input("x", data.normals((long) m * n, offset, 1), m, n)
        .input("gamma", data.normals(n), n)
        .input("beta", data.normals(n), n)
        .output("y", Tolerance.f32(units, 4 + 4 * offset), m, n)
        .output("mean", Tolerance.f32(units, 1), m)
        .output("inverseDeviation", Tolerance.f32(units, 1 + offset / 100), m)
        .call(
            (b, t) ->
                b.layerNorm(
                    t.apply("x"),
                    t.apply("gamma"),
                    t.apply("beta"),
                    1e-5,
                    t.apply("y"),
                    t.apply("mean"),
                    t.apply("inverseDeviation")));
  }

  private static OperationCase layerNormBackward(int m, int n, boolean accumulate, String alias) {
    TestData data = new TestData("layerNormBackward " + m + " " + n);
    float[] x = data.normals((long) m * n);
    float[] mean = new float[m];
    float[] inverse = new float[m];
    for (int i = 0; i < m; i++) {
      double sum = 0;
      double squares = 0;
      for (int j = 0; j < n; j++) {
        sum += x[i * n + j];
        squares += (double) x[i * n + j] * x[i * n + j];
      }
      mean[i] = (float) (sum / n);
      inverse[i] = (float) (1 / Math.sqrt(squares / n - sum / n * sum / n + 1e-5));
    }
    double units = 8 + 2 * Math.sqrt(n);
    double steepest = 1;
    for (float value : inverse) {
      steepest = Math.max(steepest, value);
    }
    Tolerance sums = Tolerance.normalSum(m + 2);
    OperationCase.Builder builder =
        OperationCase.of("layerNormBackward", m, n, accumulate, "dx is " + alias)
            .input("x", x, m, n)
            .input("gamma", data.normals(n), n)
            .input("mean", mean, m)
            .input("inverseDeviation", inverse, m)
            .input("dy", data.normals((long) m * n), m, n)
            .output("dx", Tolerance.f32(units, 4 * steepest), m, n)
            .aliased(alias);
    builder =
        accumulate
            ? builder
                .updated("dgamma", data.normals(n), sums, n)
                .updated("dbeta", data.normals(n), sums, n)
            : builder.output("dgamma", sums, n).output("dbeta", sums, n);
    return builder.call(
        (b, t) ->
            b.layerNormBackward(
                t.apply("x"),
                t.apply("gamma"),
                t.apply("mean"),
                t.apply("inverseDeviation"),
                t.apply("dy"),
                t.apply("dx"),
                t.apply("dgamma"),
                t.apply("dbeta"),
                accumulate));
  }

  static List<OperationCase> embeddings() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size :
        new int[][] {
          {0, 3, 5}, {1, 1, 1}, {7, 5, 3}, {65, 257, 64}, {1025, 65, 33}, {257, 3, 65}
        }) {
      int m = size[0];
      int v = size[1];
      int n = size[2];
      TestData data = new TestData("embedding " + Arrays.toString(size));
      int[] ids = data.ids(m, v);
      float[] table = data.normals((long) v * n);
      OperationCase.Builder gather =
          OperationCase.of("embedding", m, v, n)
              .ids("ids", ids)
              .input("table", table, v, n)
              .breakDim(1);
      cases.add(
          gather
              .output("out", Tolerance.EXACT, m, n)
              .call(
                  (b, t) -> b.embedding(t.apply("ids"), t.apply("table"), t.apply("out"), false)));
      OperationCase.Builder adding =
          OperationCase.of("embedding", m, v, n, "+=")
              .ids("ids", ids)
              .input("table", table, v, n)
              .breakDim(1);
      cases.add(
          adding
              .updated("out", data.normals((long) m * n), Tolerance.EXACT, m, n)
              .call((b, t) -> b.embedding(t.apply("ids"), t.apply("table"), t.apply("out"), true)));
      int[] uses = new int[v];
      Arrays.stream(ids).forEach(id -> uses[id]++);
      Tolerance tolerance =
          (i, expected) ->
              uses[i / n] == 0 ? 0 : Tolerance.normalSum(uses[i / n] + 1).at(i, expected);
      cases.add(
          OperationCase.of("embeddingBackward", m, v, n)
              .ids("ids", ids)
              .input("dout", data.normals((long) m * n), m, n)
              .updated("dtable", table, tolerance, v, n)
              .breakDim(1)
              .call(
                  (b, t) ->
                      b.embeddingBackward(t.apply("ids"), t.apply("dout"), t.apply("dtable"))));
    }
    return cases;
  }

  static List<OperationCase> losses() {
    List<OperationCase> cases = new ArrayList<>();
    for (int[] size :
        new int[][] {{0, 5}, {1, 1}, {7, 10}, {65, 257}, {3, 1025}, {257, 65}, {1025, 7}}) {
      for (double deviation : new double[] {1, 50}) {
        for (Loss loss :
            List.of(Loss.PLAIN, new Loss(0.1, 0), new Loss(0, 0.01), new Loss(0.2, 1e-3))) {
          cases.addAll(losses(loss, size[0], size[1], deviation));
        }
      }
    }
    return cases;
  }

  private static List<OperationCase> losses(Loss added, int m, int v, double deviation) {
    TestData data = new TestData("crossEntropy " + m + " " + v);
    float[] logits = data.normals((long) m * v, 0, deviation);
    int[] targets = data.ids(m, v);
    for (int i = 3; i < m; i += 5) {
      targets[i] = -1 - i;
    }
    // A logit of size L is rounded to L half units before it is the argument of exp or the loss.
    // The z-loss multiplies the error of the log-sum-exp, which is 5 deviations and ln V at most,
    // by its slope.
    double slope = 1 + 2 * added.zLoss() * (5 * deviation + 8);
    double units = (8 + 2 * Math.sqrt(v)) * slope;
    Tolerance loss =
        (i, expected) -> targets[i] < 0 ? 0 : Tolerance.f32(units, 4 * deviation).at(i, expected);
    Tolerance gradient =
        (i, expected) -> targets[i / v] < 0 ? 0 : units * 0x1.0p-24 * (1 + deviation) * 0.3;
    List<OperationCase> cases = new ArrayList<>();
    cases.add(
        OperationCase.of("crossEntropy", added, m, v, deviation)
            .input("logits", logits, m, v)
            .ids("targets", targets)
            .output("losses", loss, m)
            .call(
                (b, t) ->
                    b.crossEntropy(
                        added, t.apply("logits"), t.apply("targets"), t.apply("losses"))));
    for (String alias : List.of("", "logits")) {
      cases.add(
          OperationCase.of(
                  "crossEntropyWithGradient", added, m, v, deviation, "dlogits is " + alias)
              .input("logits", logits, m, v)
              .ids("targets", targets)
              .output("losses", loss, m)
              .output("dlogits", gradient, m, v)
              .aliased(alias)
              .call(
                  (b, t) ->
                      b.crossEntropyWithGradient(
                          added,
                          t.apply("logits"),
                          t.apply("targets"),
                          0.3,
                          t.apply("losses"),
                          t.apply("dlogits"))));
    }
    return cases;
  }

  static List<OperationCase> attentions() {
    List<Attention> specs =
        List.of(
            new Attention(0, 5, 2, 2, 4, true),
            new Attention(1, 1, 1, 1, 1, true),
            new Attention(2, 7, 3, 3, 5, true),
            new Attention(1, 63, 2, 2, 16, true),
            new Attention(3, 64, 2, 1, 32, true),
            new Attention(1, 65, 4, 2, 64, false),
            new Attention(1, 65, 4, 1, 8, true),
            new Attention(2, 130, 6, 2, 8, true),
            new Attention(1, 257, 2, 2, 16, true),
            new Attention(2, 100, 3, 1, 24, false));
    List<OperationCase> cases = new ArrayList<>();
    for (Attention spec : specs) {
      for (double deviation : new double[] {1, 4}) {
        cases.addAll(attention(spec, deviation));
      }
    }
    return cases;
  }

  /// Attention in BF16.
  static List<OperationCase> halfAttentions() {
    List<OperationCase> cases = new ArrayList<>();
    for (Attention spec :
        List.of(
            new Attention(1, 1, 1, 1, 1, true),
            new Attention(2, 7, 3, 3, 5, true),
            new Attention(3, 64, 2, 1, 32, true),
            new Attention(1, 65, 4, 2, 64, false),
            new Attention(2, 130, 6, 2, 8, true))) {
      cases.addAll(attention(DType.BF16, spec, 1));
    }
    return cases;
  }

  private static List<OperationCase> attention(Attention spec, double deviation) {
    return attention(DType.F32, spec, deviation);
  }

  private static List<OperationCase> attention(DType dtype, Attention spec, double deviation) {
    TestData data = new TestData(spec.toString());
    int rows = spec.batch() * spec.time();
    int width = spec.heads() * spec.headWidth();
    float[] qkv = data.normals((long) rows * spec.packedWidth(), 0, deviation);
    float[] dout = data.normals((long) rows * width);
    // Scores have the deviation of the squared data, so exp sees that many half units more; dots
    // and sums grow like square roots.
    double units = 2 * (Math.sqrt(spec.headWidth()) + Math.sqrt(spec.time()) + 8);
    double steepness = 1 + deviation * deviation;
    // A BF16 has 8 bits: rounding a probability, and the result, costs 2^15 half units of an F32
    // each.
    double rounding = dtype == DType.BF16 ? 0x1p16 : 0;
    List<OperationCase> cases = new ArrayList<>();
    OperationCase forward =
        OperationCase.of("attention", dtype, spec, deviation)
            .input("qkv", dtype, qkv, rows, spec.packedWidth())
            .output(
                "out",
                dtype,
                Tolerance.f32(units * steepness + rounding, 2 * deviation),
                rows,
                width)
            .output("logSumExp", Tolerance.f32(units, 4 * steepness), (long) rows * spec.heads())
            .call(
                (b, t) -> b.attention(spec, t.apply("qkv"), t.apply("out"), t.apply("logSumExp")));
    cases.add(forward);
    OperationRunner.Outcome kept;
    try (Backend reference = new ReferenceBackend()) {
      kept = OperationRunner.run(reference, forward, 0, false);
    }
    cases.add(
        OperationCase.of("attentionBackward", dtype, spec, deviation)
            .input("qkv", dtype, qkv, rows, spec.packedWidth())
            .raw("out", dtype, OperationCase.Role.INPUT, kept.contents().get("out"), rows, width)
            .input(
                "logSumExp",
                OperationRunner.floats(kept.contents().get("logSumExp")),
                (long) rows * spec.heads())
            .input("dout", dtype, dout, rows, width)
            .output(
                "dqkv",
                dtype,
                Tolerance.f32(units * steepness + rounding, 4 * steepness),
                rows,
                spec.packedWidth())
            .call(
                (b, t) ->
                    b.attentionBackward(
                        spec,
                        t.apply("qkv"),
                        t.apply("out"),
                        t.apply("logSumExp"),
                        t.apply("dout"),
                        t.apply("dqkv"))));
    return cases;
  }
}
