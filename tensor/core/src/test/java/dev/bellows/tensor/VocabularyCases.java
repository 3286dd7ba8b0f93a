package dev.bellows.tensor;

import dev.bellows.tensor.OperationCase.Tolerance;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Cases of operations on a part of a vocabulary.
final class VocabularyCases {
  private static final double SCALE = 0.3;

  private VocabularyCases() {}

  static List<OperationCase> embeddings() {
    List<OperationCase> cases = new ArrayList<>();
    // Rows, first id, ids of the part, ids of the whole vocabulary, width.
    for (int[] size :
        new int[][] {
          {0, 1, 3, 5, 4},
          {1, 0, 1, 1, 1},
          {7, 2, 2, 5, 3},
          {65, 100, 57, 257, 64},
          {1025, 0, 33, 65, 33}
        }) {
      int m = size[0];
      int first = size[1];
      int held = size[2];
      int n = size[4];
      VocabularyPart part = new VocabularyPart(1, first, size[3]);
      TestData data = new TestData("embedding part " + Arrays.toString(size));
      int[] ids = data.ids(m, size[3]);
      cases.add(
          OperationCase.of("embeddingPart", size)
              .ids("ids", ids)
              .input("table", data.normals((long) held * n), held, n)
              .breakDim(1)
              .output("out", Tolerance.EXACT, m, n)
              .call((b, t) -> b.embedding(part, t.apply("ids"), t.apply("table"), t.apply("out"))));
      int[] uses = new int[held];
      Arrays.stream(ids)
          .filter(id -> id >= first && id < first + held)
          .forEach(id -> uses[id - first]++);
      Tolerance tolerance =
          (i, expected) ->
              uses[i / n] == 0 ? 0 : Tolerance.normalSum(uses[i / n] + 1).at(i, expected);
      cases.add(
          OperationCase.of("embeddingPartBackward", size)
              .ids("ids", ids)
              .input("dout", data.normals((long) m * n), m, n)
              .updated("dtable", data.normals((long) held * n), tolerance, held, n)
              .breakDim(1)
              .call(
                  (b, t) ->
                      b.embeddingBackward(
                          part, t.apply("ids"), t.apply("dout"), t.apply("dtable"))));
    }
    return cases;
  }

  static List<OperationCase> losses() {
    List<OperationCase> cases = new ArrayList<>();
    for (Loss loss :
        List.of(Loss.PLAIN, new Loss(0.1, 0), new Loss(0, 1e-2), new Loss(0.2, 1e-3))) {
      // Rows, first class, classes of the part, classes of the whole vocabulary.
      for (int[] size :
          new int[][] {
            {0, 1, 3, 9}, {1, 0, 1, 1}, {7, 5, 3, 11}, {33, 100, 65, 257}, {9, 0, 1000, 2500}
          }) {
        for (double deviation : new double[] {1, 8}) {
          cases.addAll(statistics(loss, size, deviation));
          cases.addAll(ofParts(loss, size, deviation));
        }
      }
    }
    return cases;
  }

  private static int[] targets(TestData data, int m, int classes) {
    int[] targets = data.ids(m, classes);
    for (int i = 3; i < m; i += 5) {
      targets[i] = -1 - i;
    }
    return targets;
  }

  private static List<OperationCase> statistics(Loss loss, int[] size, double deviation) {
    int m = size[0];
    int n = size[2];
    VocabularyPart part = new VocabularyPart(1, size[1], size[3]);
    TestData data = new TestData("crossEntropyPart " + Arrays.toString(size));
    float[] logits = data.normals((long) m * n, 0, deviation);
    int[] targets = targets(data, m, size[3]);
    Tolerance sums = Tolerance.f32(8 + 2 * Math.sqrt(n), Math.sqrt(n));
    Tolerance tolerance =
        (i, expected) ->
            switch (i % 4) {
              case 1 -> sums.at(i, expected);
              // An FP64 sum of a thousand terms, rounded once.
              case 3 -> Tolerance.f32(2, 1e-3).at(i, expected);
              default -> 0;
            };
    List<OperationCase> cases = new ArrayList<>();
    for (String alias : List.of("", "logits")) {
      cases.add(
          OperationCase.of("crossEntropyPart", loss, size, deviation, "exponentials are " + alias)
              .input("logits", logits, m, n)
              .ids("targets", targets)
              .output("statistics", tolerance, m, 4)
              .output("exponentials", Tolerance.f32(8, 1), m, n)
              .aliased(alias)
              .call(
                  (b, t) ->
                      b.crossEntropyPart(
                          loss,
                          part,
                          t.apply("logits"),
                          t.apply("targets"),
                          t.apply("statistics"),
                          t.apply("exponentials"))));
    }
    return cases;
  }

  /// Statistics of three parts, the case's own being the second.
  private static List<OperationCase> ofParts(Loss loss, int[] size, double deviation) {
    int m = size[0];
    int n = size[2];
    int classes = size[3];
    VocabularyPart part = new VocabularyPart(1, size[1], classes);
    TestData data = new TestData("crossEntropyOfParts " + Arrays.toString(size) + deviation);
    float[] statistics = data.normals(12L * m, 0, deviation);
    for (int i = 1; i < statistics.length; i += 4) {
      statistics[i] = 1 + Math.abs(statistics[i]);
    }
    int[] targets = targets(data, m, classes);
    double slope = 1 + 2 * loss.zLoss() * (5 * deviation + 8);
    Tolerance gradient =
        (i, expected) ->
            targets[i / n] < 0 ? 0 : Tolerance.f32(8, SCALE * 2 * slope).at(i, expected);
    float[] exponentials = data.normals((long) m * n);
    for (int i = 0; i < exponentials.length; i++) {
      exponentials[i] = (float) Math.exp(-Math.abs(exponentials[i]));
    }
    return List.of(
        OperationCase.of("crossEntropyOfParts", loss, size, deviation)
            .ids("targets", targets)
            .input("statistics", statistics, 3, m, 4)
            .breakDim(1)
            .output(
                "losses",
                (i, expected) -> targets[i] < 0 ? 0 : Tolerance.f32(2, 1e-3).at(i, expected),
                m)
            .call(
                (b, t) ->
                    b.crossEntropyOfParts(
                        loss,
                        classes,
                        t.apply("targets"),
                        t.apply("statistics"),
                        t.apply("losses"))),
        OperationCase.of("crossEntropyOfPartsGradient", loss, size, deviation)
            .ids("targets", targets)
            .input("statistics", statistics, 3, m, 4)
            .breakDim(1)
            .updated("gradient", exponentials, gradient, m, n)
            .call(
                (b, t) ->
                    b.crossEntropyOfPartsGradient(
                        loss,
                        part,
                        t.apply("targets"),
                        SCALE,
                        t.apply("statistics"),
                        t.apply("gradient"))));
  }
}
