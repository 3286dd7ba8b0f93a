package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Every operation's gradients, of its input and of its parameters, against central differences in double precision.
class OperationGradientTest {
  private static final long SEED = 7;
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private static Parameter parameter(String name, long... dims) {
    return Parameter.of(name, Shape.of(dims), Initializer.normal(0.7), true);
  }

  /// Checks `operation` at normal inputs [rows, width] of which none is nearer to 0 than `gap`.
  private void check(
      long rows,
      long width,
      double gap,
      List<Parameter> parameters,
      BiFunction<Tape, Variable, Variable> operation) {
    Philox random = Philox.of(SEED, Philox.Purpose.TEST);
    try (ParameterStore store = new ParameterStore(backend, parameters, DType.F64);
        Tensor x =
            TestTensors.of(backend, DType.F64, i -> away(random.normal(i), gap), rows, width);
        Tape tape = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true)) {
      store.initialise(SEED);
      store.beginAccumulation();
      Variable leaf = tape.leaf(x);
      // The leaf is used up by the operation; its handle still names the gradient.
      Variable y = operation.apply(tape, leaf);
      try (Tensor dy = TestTensors.normal(backend, DType.F64, SEED + 1, y.value().shape().dims())) {
        tape.backward(y, dy);
        store.endAccumulation();
        double[] weights = TestTensors.values(backend, dy);
        tape.takeGradient(leaf)
            .ifPresent(
                gradient -> {
                  double[] dx = TestTensors.values(backend, gradient);
                  gradient.release();
                  GradientCheck.check("x", backend, x, dx, () -> dot(operation, x, weights));
                });
        for (Parameter each : parameters) {
          double[] gradient = TestTensors.values(backend, each.gradient());
          GradientCheck.check(
              each.name(), backend, each.value(), gradient, () -> dot(operation, x, weights));
        }
      }
    }
  }

  private static double away(double x, double gap) {
    return x + Math.copySign(gap, x);
  }

  private double dot(BiFunction<Tape, Variable, Variable> operation, Tensor x, double[] weights) {
    try (Tape tape = Tape.evaluating(backend)) {
      double[] y = TestTensors.values(backend, operation.apply(tape, tape.constant(x)).value());
      double sum = 0;
      for (int i = 0; i < y.length; i++) {
        sum += weights[i] * y[i];
      }
      return sum;
    }
  }

  @Test
  void linearWithBias() {
    Parameter weight = parameter("weight", 5, 3);
    Parameter bias = parameter("bias", 5);
    check(4, 3, 0, List.of(weight, bias), (tape, x) -> tape.linear(x, weight, Optional.of(bias)));
  }

  @Test
  void linearWithoutBias() {
    Parameter weight = parameter("weight", 2, 7);
    check(3, 7, 0, List.of(weight), (tape, x) -> tape.linear(x, weight, Optional.empty()));
  }

  @Test
  void gelu() {
    check(5, 7, 0, List.of(), (tape, x) -> tape.gelu(x));
  }

  @Test
  void relu() {
    check(5, 7, 0.01, List.of(), (tape, x) -> tape.relu(x));
  }

  @Test
  void layerNormWithShift() {
    Parameter gamma = parameter("gamma", 6);
    Parameter beta = parameter("beta", 6);
    check(
        4,
        6,
        0,
        List.of(gamma, beta),
        (tape, x) -> tape.layerNorm(x, gamma, Optional.of(beta), 1e-5));
  }

  @Test
  void layerNormWithoutShift() {
    Parameter gamma = parameter("gamma", 6);
    check(4, 6, 0, List.of(gamma), (tape, x) -> tape.layerNorm(x, gamma, Optional.empty(), 1e-5));
  }

  @Test
  void rmsNorm() {
    Parameter gamma = parameter("gamma", 6);
    check(4, 6, 0, List.of(gamma), (tape, x) -> tape.rmsNorm(x, gamma, 1e-5));
  }

  @Test
  void swiGlu() {
    check(4, 10, 0, List.of(), (tape, x) -> tape.swiGlu(x));
  }

  @Test
  void rotaryWithElementsBehind() {
    Rotary spec = new Rotary(3, 2, 4, 100, false);
    check(6, 11, 0, List.of(), (tape, x) -> tape.rotary(spec, x));
  }

  @Test
  void rotaryOfAValueThatIsNeededTwice() {
    Rotary spec = new Rotary(3, 2, 4, 100, false);
    check(6, 8, 0, List.of(), (tape, x) -> tape.add(tape.rotary(spec, tape.fork(x)), x));
  }

  @Test
  void convolution() {
    Parameter weight = parameter("weight", 3, 2, 3, 3);
    Parameter bias = parameter("bias", 3);
    for (Convolution spec :
        List.of(new Convolution(2, 4, 5, 3, 3, 1, 1), new Convolution(2, 4, 5, 3, 3, 2, 2))) {
      check(
          2,
          spec.inElements(),
          0,
          List.of(weight, bias),
          (tape, x) -> tape.convolution(spec, x, weight, bias));
    }
  }

  @Test
  void maxPool() {
    // Overlapping windows, and a last column that no window reads.
    Pooling spec = new Pooling(2, 5, 6, 3, 2);
    check(2, spec.inElements(), 0, List.of(), (tape, x) -> tape.maxPool(spec, x));
  }

  @Test
  void causalAttention() {
    check(
        2 * 5,
        3 * 2 * 3,
        0,
        List.of(),
        (tape, x) -> tape.attention(new Attention(2, 5, 2, 2, 3, true), x));
  }

  @Test
  void groupedQueryAttentionOverAllPositions() {
    check(
        2 * 4,
        8 * 2,
        0,
        List.of(),
        (tape, x) -> tape.attention(new Attention(2, 4, 4, 2, 2, false), x));
  }

  @Test
  void aValueUsedTwiceReceivesBothGradients() {
    check(
        3,
        4,
        0,
        List.of(),
        (tape, x) -> {
          Variable branch = tape.gelu(tape.fork(x));
          return tape.add(x, branch);
        });
  }

  @Test
  void aValueAddedToItself() {
    check(3, 4, 0, List.of(), (tape, x) -> tape.add(tape.fork(x), x));
  }

  @Test
  void nestedResidualsWithParametersInBothBranches() {
    Parameter first = parameter("first", 4, 4);
    Parameter second = parameter("second", 4, 4);
    check(
        3,
        4,
        0,
        List.of(first, second),
        (tape, x) -> {
          Variable middle = tape.add(tape.fork(x), tape.linear(x, first, Optional.empty()));
          Variable outer = tape.add(tape.fork(middle), tape.gelu(tape.fork(middle)));
          return tape.add(tape.linear(middle, second, Optional.empty()), outer);
        });
  }

  @Test
  void aParameterUsedTwiceOnOneTape() {
    Parameter weight = parameter("weight", 4, 4);
    check(
        3,
        4,
        0,
        List.of(weight),
        (tape, x) ->
            tape.linear(
                tape.gelu(tape.linear(x, weight, Optional.empty())), weight, Optional.empty()));
  }

  @Test
  void embedding() {
    Parameter table = parameter("table", 5, 3);
    try (Tensor ids = TestTensors.ids(backend, new int[] {4, 0, 4, 2, 1, 3, 4}, 7)) {
      check(1, 1, 0, List.of(table), (tape, x) -> tape.embedding(ids, table));
    }
  }

  @Test
  void embeddingWithPositions() {
    Parameter table = parameter("table", 5, 3);
    Parameter positions = parameter("positions", 4, 3);
    try (Tensor ids = TestTensors.ids(backend, new int[] {4, 0, 4, 2, 1, 3}, 2, 3)) {
      // The fourth position is never used: its gradient must be zero, which the check sees too.
      check(1, 1, 0, List.of(table, positions), (tape, x) -> tape.embedding(ids, table, positions));
    }
  }

  @Test
  void dropoutPassesTheGradientOfWhatItKeeps() {
    try (Tensor x = TestTensors.normal(backend, DType.F64, SEED, 5, 7);
        Tensor dy = TestTensors.normal(backend, DType.F64, SEED + 1, 5, 7);
        Tape tape = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true)) {
      Variable leaf = tape.leaf(x);
      Variable y = tape.dropout(leaf, 0.4, "layer", 3);
      double[] values = TestTensors.values(backend, y.value());
      tape.backward(y, dy);
      double[] inputs = TestTensors.values(backend, x);
      double[] weights = TestTensors.values(backend, dy);
      int dropped = 0;
      try (Tensor taken = tape.takeGradient(leaf).orElseThrow()) {
        double[] gradient = TestTensors.values(backend, taken);
        for (int i = 0; i < values.length; i++) {
          double factor = values[i] == 0 ? 0 : 1 / 0.6;
          dropped += values[i] == 0 ? 1 : 0;
          assertEquals(factor * inputs[i], values[i], 1e-14);
          assertEquals(factor * weights[i], gradient[i], 1e-14);
        }
      }
      assertTrue(dropped > 5 && dropped < 25, dropped + " of 35 dropped");
    }
  }

  @Test
  void evaluationDropsNothing() {
    try (Tensor x = TestTensors.normal(backend, DType.F64, SEED, 5, 7);
        Tape tape = Tape.evaluating(backend)) {
      Variable y = tape.dropout(tape.constant(x), 0.4, "layer", 0);
      assertArrayEquals(TestTensors.values(backend, x), TestTensors.values(backend, y.value()));
    }
  }

  @Test
  void crossEntropyWithAnIgnoredRow() {
    crossEntropy(Loss.PLAIN);
  }

  @Test
  void crossEntropyWithLabelSmoothingAndZLoss() {
    crossEntropy(new Loss(0.3, 0));
    crossEntropy(new Loss(0, 0.2));
    crossEntropy(new Loss(0.1, 0.1));
  }

  private void crossEntropy(Loss added) {
    double scale = 0.25;
    try (Tensor logits = TestTensors.normal(backend, DType.F64, SEED, 4, 6);
        Tensor targets = TestTensors.ids(backend, new int[] {5, -1, 0, 3}, 4);
        Tape tape = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true)) {
      Variable leaf = tape.leaf(logits);
      double loss = tape.crossEntropy(added, leaf, targets, scale);
      tape.backward();
      double[] gradient;
      try (Tensor taken = tape.takeGradient(leaf).orElseThrow()) {
        gradient = TestTensors.values(backend, taken);
      }
      assertEquals(loss, evaluate(added, logits, targets), "evaluation and training give the same bits");
      GradientCheck.check(
          "logits", backend, logits, gradient, () -> scale * evaluate(added, logits, targets));
    }
  }

  private double evaluate(Loss added, Tensor logits, Tensor targets) {
    try (Tape tape = Tape.evaluating(backend)) {
      return tape.crossEntropy(added, tape.constant(logits), targets, 1);
    }
  }
}
