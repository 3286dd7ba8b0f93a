package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.List;
import org.junit.jupiter.api.Test;

class EvaluatorTest {
  /// Its logits are its inputs.
  private static final Model IDENTITY =
      new Model() {
        @Override
        public List<Unit> units() {
          return List.of();
        }

        @Override
        public int rowsPerSample() {
          return 1;
        }

        @Override
        public double flopsPerSample() {
          return 0;
        }

        @Override
        public long activationBytes(int samples) {
          return 0;
        }
      };

  private static final double[] LOGITS = {
    1, 3, 3, // the lowest of equal classes counts: class 1
    0, 0, 0, // class 0
    9, 9, 1, // class 0, ignored
    -1, -2, 5 // class 2
  };

  @Test
  void countsRowsWithATargetAndTakesTheLowestOfEqualClasses() {
    try (ReferenceBackend backend = new ReferenceBackend()) {
      for (DType dtype : List.of(DType.F32, DType.F64)) {
        try (Batch batch =
            new Batch(
                TestTensors.of(backend, dtype, i -> LOGITS[i], 4, 3),
                TestTensors.ids(backend, new int[] {1, 0, -1, 2}, 4),
                4)) {
          Evaluation evaluation = new Evaluator(backend, IDENTITY).evaluate(batch);
          assertEquals(3, evaluation.rows());
          assertEquals(3, evaluation.correct());
          assertEquals(expectedLoss(), evaluation.lossSum(), 1e-5);
          assertEquals(1, evaluation.accuracy());
          Evaluation twice = evaluation.plus(evaluation);
          assertEquals(evaluation.meanLoss(), twice.meanLoss());
          assertEquals(6, twice.correct());
          assertEquals(6, twice.rows());
        }
        try (Batch batch =
            new Batch(
                TestTensors.of(backend, dtype, i -> LOGITS[i], 4, 3),
                TestTensors.ids(backend, new int[] {2, 1, 1, 0}, 4),
                4)) {
          assertEquals(
              0,
              new Evaluator(backend, IDENTITY).evaluate(batch).accuracy(),
              "the last of equal classes does not count");
        }
      }
    }
  }

  private static double expectedLoss() {
    double first = Math.log(Math.exp(1) + 2 * Math.exp(3)) - 3;
    double second = Math.log(3);
    double last = Math.log(Math.exp(-1) + Math.exp(-2) + Math.exp(5)) - 5;
    return first + second + last;
  }
}
