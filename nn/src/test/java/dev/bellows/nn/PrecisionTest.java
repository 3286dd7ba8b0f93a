package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A linear layer under [Precision#BF16] against F32 products of operands that were rounded by hand.
class PrecisionTest {
  private static final long SEED = 11;
  private static final int ROWS = 5;
  private static final int IN = 7;
  private static final int OUT = 3;

  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  @Test
  void multipliesRoundedOperandsAndKeepsMasterWeights() {
    Parameter weight = Parameter.of("weight", Shape.of(OUT, IN), Initializer.normal(1), true);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight), Precision.BF16);
        Tensor x = TestTensors.normal(backend, DType.F32, SEED, ROWS, IN);
        Tensor dy = TestTensors.normal(backend, DType.F32, SEED + 1, ROWS, OUT);
        Tape tape = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true)) {
      store.initialise(SEED);
      double[] master = TestTensors.values(backend, weight.value());
      store.refreshOperands();
      store.beginAccumulation();
      Variable leaf = tape.leaf(x);
      Variable y = tape.linear(leaf, weight, Optional.empty());

      assertEquals(DType.F32, y.dtype());
      assertArrayEquals(
          product(Gemm.NT, rounded(x), rounded(weight.value()), ROWS, OUT),
          TestTensors.values(backend, y.value()));
      tape.backward(y, dy);
      store.endAccumulation();
      assertArrayEquals(
          product(Gemm.TN, rounded(dy), rounded(x), OUT, IN),
          TestTensors.values(backend, weight.gradient()));
      try (Tensor dx = tape.takeGradient(leaf).orElseThrow()) {
        assertArrayEquals(
            product(Gemm.NN, rounded(dy), rounded(weight.value()), ROWS, IN),
            TestTensors.values(backend, dx));
      }
      assertArrayEquals(master, TestTensors.values(backend, weight.value()));
    }
  }

  @Test
  void evaluatesWithMasterWeights() {
    Parameter weight = Parameter.of("weight", Shape.of(OUT, IN), Initializer.normal(1), true);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight), Precision.BF16);
        Tensor x = TestTensors.normal(backend, DType.F32, SEED, ROWS, IN);
        Tape tape = Tape.evaluating(backend)) {
      store.initialise(SEED);
      double[] y =
          TestTensors.values(
              backend, tape.linear(tape.constant(x), weight, Optional.empty()).value());
      double[] exact = product(Gemm.NT, x.retain(), weight.value().retain(), ROWS, OUT);
      assertArrayEquals(exact, y);
      assertFalse(
          Arrays.equals(exact, product(Gemm.NT, rounded(x), rounded(weight.value()), ROWS, OUT)));
    }
  }

  /// `x` in F32, its elements rounded to BF16; owned by the caller.
  private Tensor rounded(Tensor x) {
    Tensor result = backend.allocate(DType.F32, x.shape(), Category.WORKSPACE);
    try (Tensor half = backend.allocate(DType.BF16, x.shape(), Category.WORKSPACE)) {
      backend.copy(x, half);
      backend.copy(half, result);
    }
    return result;
  }

  /// Releases `a` and `b`.
  private double[] product(Gemm spec, Tensor a, Tensor b, long m, long n) {
    try (a;
        b;
        Tensor c = backend.allocate(DType.F32, Shape.of(m, n), Category.WORKSPACE)) {
      backend.gemm(spec, a, b, c);
      return TestTensors.values(backend, c);
    }
  }
}
