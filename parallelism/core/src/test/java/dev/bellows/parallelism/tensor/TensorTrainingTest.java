package dev.bellows.parallelism.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bellows.nn.Precision;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.BackendUnavailableException;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Training of models that tensor ranks share against the same training on one rank.
class TensorTrainingTest {
  private static final int STEPS = 20;
  private static final double RELATIVE = 1e-5;

  static Stream<SplitModel> models() {
    return SplitModel.all();
  }

  private static Backend cpu() {
    return Backends.open("cpu", BackendOptions.threads(1));
  }

  private static double relative(float[] expected, float[] actual) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += ((double) expected[i] - actual[i]) * ((double) expected[i] - actual[i]);
      size += (double) expected[i] * expected[i];
    }
    return Math.sqrt(difference / size);
  }

  private static void compare(
      String what, SplitRun.Outcome expected, SplitRun.Outcome actual, double relative) {
    for (int step = 0; step < expected.losses().size(); step++) {
      double loss = expected.losses().get(step);
      String where = what + ", step " + (step + 1);
      assertEquals(loss, actual.losses().get(step), relative * loss, where);
      double norm = expected.norms().get(step);
      assertEquals(norm, actual.norms().get(step), 10 * relative * norm, where + ", squared norm");
    }
    assertEquals(expected.parameters().keySet(), actual.parameters().keySet());
    expected
        .parameters()
        .forEach(
            (name, values) -> {
              double off = relative(values, actual.parameters().get(name));
              // Also when it is NaN: an element that no rank holds.
              assertTrue(off <= relative, () -> what + ": " + name + " is off by " + off);
            });
    assertEquals(expected.evaluation().rows(), actual.evaluation().rows());
    assertEquals(expected.evaluation().correct(), actual.evaluation().correct());
    double loss = expected.evaluation().lossSum();
    assertEquals(loss, actual.evaluation().lossSum(), relative * loss, what + ", evaluation");
  }

  @ParameterizedTest
  @MethodSource("models")
  void anyNumberOfRanksTrainsTheSame(SplitModel split) throws Exception {
    Supplier<Backend> backends = ReferenceBackend::new;
    SplitRun.Outcome one = SplitRun.train(split, 1, false, STEPS, Precision.F32, backends);
    assertNotEquals(one.losses().getFirst(), one.losses().getLast());
    // All combinations for the model with most in it: grouped heads, as many as two ranks, fewer
    // than four.
    boolean everything = split.traits().keyValueHeads() == 2;
    for (int degree : new int[] {2, 4}) {
      for (boolean sequence : new boolean[] {false, true}) {
        if (everything || sequence == (degree == 4)) {
          compare(
              split + ", " + degree + " ranks, sequence " + sequence,
              one,
              SplitRun.train(split, degree, sequence, STEPS, Precision.F32, backends),
              RELATIVE);
        }
      }
    }
  }

  @Test
  void theFastBackendTrainsTheSame() throws Exception {
    assumeCpu();
    fast(SplitModel.gpt(true, 0.1, 19), false);
    fast(SplitModel.llama(1, false, 0.1, 19), true);
  }

  private static void fast(SplitModel split, boolean sequence) throws Exception {
    compare(
        split + " on cpu, 4 ranks, sequence " + sequence,
        SplitRun.train(split, 1, false, STEPS, Precision.F32, TensorTrainingTest::cpu),
        SplitRun.train(split, 4, sequence, STEPS, Precision.F32, TensorTrainingTest::cpu),
        RELATIVE);
  }

  /// Operands of products are rounded to the same BF16 on one rank and on many, but where sums differ in their last bit a result may be rounded to the
  /// other neighbour, 2^-8 away; over a few steps that stays far below 1e-3 of a loss.
  @Test
  void bf16TrainsNearlyTheSame() throws Exception {
    assumeCpu();
    SplitModel split = SplitModel.gpt(true, 0, 19);
    SplitRun.Outcome one =
        SplitRun.train(split, 1, false, 5, Precision.BF16, TensorTrainingTest::cpu);
    for (boolean sequence : new boolean[] {false, true}) {
      SplitRun.Outcome two =
          SplitRun.train(split, 2, sequence, 5, Precision.BF16, TensorTrainingTest::cpu);
      for (int step = 0; step < 5; step++) {
        double loss = one.losses().get(step);
        assertEquals(loss, two.losses().get(step), 1e-3 * loss, "sequence " + sequence);
      }
    }
  }

  private static void assumeCpu() {
    try (Backend backend = cpu()) {
      assumeTrue(
          backend.productTypes().contains(DType.BF16), "this processor has no BF16 products");
    } catch (BackendUnavailableException e) {
      abort("the cpu backend cannot run here: " + e.getMessage());
    }
  }
}
