package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Who owns what on a tape, and for how long.
class TapeTest {
  private static final long ROWS = 64;
  private static final long WIDTH = 32;
  private static final long BYTES = ROWS * WIDTH * Float.BYTES;

  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  private Tape training() {
    return new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true);
  }

  private Tensor input() {
    return TestTensors.normal(backend, DType.F32, 1, ROWS, WIDTH);
  }

  private long activations() {
    return backend.memory().live(Category.ACTIVATION);
  }

  /// Borders tell of backward in reverse order, also where no gradient arrives, and change neither values nor memory.
  @Test
  void bordersTellWhenBackwardPasses() {
    List<String> passed = new ArrayList<>();
    try (Tensor x = input();
        Tensor gradient = input();
        Tape tape = training()) {
      Variable leaf = tape.leaf(x);
      Variable y = tape.border(leaf, () -> passed.add("first"));
      long live = activations();
      y = tape.border(tape.relu(y), () -> passed.add("second"));
      assertEquals(live + BYTES, activations());
      Variable aside = tape.border(tape.constant(x), () -> passed.add("aside"));
      tape.release(aside);
      tape.backward(y, gradient);
      assertEquals(List.of("aside", "second", "first"), passed);
      tape.takeGradient(leaf).orElseThrow().release();
    }
    try (Tensor x = input();
        Tape tape = Tape.evaluating(backend)) {
      Variable same = tape.constant(x);
      assertEquals(same, tape.border(same, () -> passed.add("never")));
    }
    assertEquals(3, passed.size());
  }

  @Test
  void aUsedValueCannotBeUsedAgain() {
    try (Tensor x = input();
        Tape tape = training()) {
      Variable leaf = tape.leaf(x);
      tape.relu(leaf);
      IllegalStateException error =
          assertThrows(IllegalStateException.class, () -> tape.gelu(leaf));
      assertTrue(error.getMessage().contains("fork"), error.getMessage());
    }
  }

  @Test
  void evaluationHoldsTwoValuesHoweverDeepTheModelIs() {
    try (Tensor x = input();
        Tape tape = Tape.evaluating(backend)) {
      Variable value = tape.constant(x);
      for (int i = 0; i < 50; i++) {
        value = tape.gelu(value);
        assertEquals(BYTES, activations());
      }
      assertEquals(2 * BYTES, backend.memory().peak(Category.ACTIVATION));
    }
  }

  @Test
  void trainingHoldsWhatBackwardNeedsAndBackwardGivesItBack() {
    try (Tensor x = input();
        Tape tape = training()) {
      Variable leaf = tape.leaf(x);
      Variable first = tape.gelu(leaf);
      Variable second = tape.gelu(first);
      Variable sum = tape.add(tape.fork(second), second);
      // The first gelu saves x, the second saves its input; what was added is not needed any more.
      assertEquals(2 * BYTES, activations());
      try (Tensor dy = input()) {
        tape.backward(sum, dy);
      }
      tape.release(sum);
      assertEquals(BYTES, activations(), "only the leaf's gradient is left");
      tape.takeGradient(leaf).orElseThrow().release();
      assertEquals(0, activations());
    }
  }

  @Test
  void addWritesOverAValueThatNobodyElseReads() {
    try (Tensor x = input();
        Tape tape = training()) {
      Variable a = tape.relu(tape.constant(x));
      Variable b = tape.relu(tape.constant(x));
      Tensor memory = b.value();
      double[] expected = TestTensors.values(backend, b.value());
      for (int i = 0; i < expected.length; i++) {
        expected[i] *= 2;
      }
      Variable sum = tape.add(a, b);
      assertEquals(memory.segment().address(), sum.value().segment().address());
      assertArrayEquals(expected, TestTensors.values(backend, sum.value()));
    }
  }

  @Test
  void addLeavesABorrowedTensorAlone() {
    try (Tensor x = input();
        Tape tape = training()) {
      double[] before = TestTensors.values(backend, x);
      tape.add(tape.constant(x), tape.constant(x));
      assertArrayEquals(before, TestTensors.values(backend, x));
    }
  }

  @Test
  void closingInTheMiddleGivesEverythingBack() {
    Parameter weight = Parameter.of("weight", Shape.of(8, WIDTH), Initializer.normal(1), true);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight));
        Tensor x = input()) {
      store.initialise(1);
      store.beginAccumulation();
      try (Tape tape = training()) {
        Variable y = tape.linear(tape.gelu(tape.leaf(x)), weight, Optional.empty());
        tape.fork(y);
        assertTrue(activations() > 0);
      }
      assertEquals(0, activations());
      assertTrue(weight.takeGradientFresh(), "without backward nothing was contributed");
    }
  }

  @Test
  void anErrorInAnOperationLeaksNothing() {
    Parameter weight = Parameter.of("weight", Shape.of(8, WIDTH + 1), Initializer.normal(1), true);
    Parameter gamma = Parameter.of("gamma", Shape.of(WIDTH + 1), Initializer.normal(1), true);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight, gamma));
        Tensor x = input();
        Tape tape = training()) {
      store.initialise(1);
      Variable leaf = tape.leaf(x);
      assertThrows(
          IllegalArgumentException.class, () -> tape.linear(leaf, weight, Optional.empty()));
      assertThrows(
          IllegalArgumentException.class,
          () -> tape.layerNorm(leaf, gamma, Optional.empty(), 1e-5));
    }
    assertEquals(0, activations());
  }

  @Test
  void aResetTapeRepeatsItsBits() {
    Parameter weight = Parameter.of("weight", Shape.of(8, WIDTH), Initializer.normal(1), true);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight));
        Tensor x = input();
        Tensor dy = TestTensors.normal(backend, DType.F32, 2, ROWS, 8);
        Tape tape = training()) {
      store.initialise(1);
      double[][] gradients = new double[2][];
      for (int run = 0; run < 2; run++) {
        store.beginAccumulation();
        tape.backward(tape.linear(tape.gelu(tape.constant(x)), weight, Optional.empty()), dy);
        tape.reset();
        gradients[run] = TestTensors.values(backend, weight.gradient());
      }
      assertArrayEquals(gradients[0], gradients[1]);
    }
  }

  @Test
  void theSecondBackwardOfASumAddsToTheFirst() {
    Parameter weight = Parameter.of("weight", Shape.of(8, WIDTH), Initializer.normal(1), true);
    Parameter bias = Parameter.of("bias", Shape.of(8), Initializer.normal(1), false);
    Parameter gamma = Parameter.of("gamma", Shape.of(8), Initializer.normal(1), false);
    Parameter beta = Parameter.of("beta", Shape.of(8), Initializer.normal(1), false);
    try (ParameterStore store = new ParameterStore(backend, List.of(weight, bias, gamma, beta));
        Tensor x = input();
        Tensor dy = TestTensors.normal(backend, DType.F32, 2, ROWS, 8);
        Tape tape = training()) {
      store.initialise(1);
      double[][] sums = new double[2][];
      for (int contributions = 1; contributions <= 2; contributions++) {
        // Whatever was there before the sum must not show.
        backend.fill(store.gradients(), Double.NaN);
        store.beginAccumulation();
        for (int i = 0; i < contributions; i++) {
          Variable y = tape.linear(tape.constant(x), weight, Optional.of(bias));
          tape.backward(tape.layerNorm(y, gamma, Optional.of(beta), 1e-5), dy);
          tape.reset();
        }
        store.endAccumulation();
        sums[contributions - 1] = TestTensors.values(backend, beta.gradient());
        if (contributions == 2) {
          double[] twice = TestTensors.values(backend, weight.gradient());
          for (double element : twice) {
            assertFalse(Double.isNaN(element));
          }
        }
      }
      for (int i = 0; i < sums[0].length; i++) {
        assertEquals(2 * sums[0][i], sums[1][i], 1e-4 * Math.abs(sums[0][i]) + 1e-5);
      }
    }
  }

  @Test
  void aFreshGradientBesideARunningSumStartsAtZero() {
    Parameter gamma = Parameter.of("gamma", Shape.of(WIDTH), Initializer.normal(1), false);
    Parameter first = Parameter.of("first", Shape.of(WIDTH), Initializer.normal(1), false);
    Parameter second = Parameter.of("second", Shape.of(WIDTH), Initializer.normal(1), false);
    try (ParameterStore store = new ParameterStore(backend, List.of(gamma, first, second));
        Tensor x = input();
        Tensor dy = TestTensors.normal(backend, DType.F32, 2, ROWS, WIDTH);
        Tape tape = training()) {
      store.initialise(1);
      backend.fill(store.gradients(), Double.NaN);
      store.beginAccumulation();
      for (Parameter beta : List.of(first, second)) {
        tape.backward(tape.layerNorm(tape.constant(x), gamma, Optional.of(beta), 1e-5), dy);
        tape.reset();
      }
      assertArrayEquals(
          TestTensors.values(backend, first.gradient()),
          TestTensors.values(backend, second.gradient()));
      for (double element : TestTensors.values(backend, gamma.gradient())) {
        assertTrue(Double.isFinite(element));
      }
    }
  }

  @Test
  void anUnusedBranchGivesNoGradient() {
    try (Tensor x = input();
        Tensor dy = input();
        Tape tape = training()) {
      Variable leaf = tape.leaf(x);
      Variable other = tape.leaf(x);
      tape.gelu(other);
      tape.backward(tape.gelu(leaf), dy);
      assertTrue(tape.takeGradient(other).isEmpty());
      tape.takeGradient(leaf).orElseThrow().release();
    }
  }

  @Test
  void backwardNeedsATrainingTape() {
    try (Tape tape = Tape.evaluating(backend)) {
      assertThrows(IllegalStateException.class, tape::backward);
    }
  }

  /// Computes each segment a second time at once and keeps nothing.
  private static final class EagerReplay implements SavedTensors {
    @Override
    public void enter(String segment) {}

    @Override
    public void enter(String segment, Tensor input, Replay replay) {
      replay.run(input);
    }

    @Override
    public void exit() {}

    @Override
    public Handle save(Tensor tensor) {
      tensor.release();
      return new Handle() {
        @Override
        public Tensor fetch() {
          throw new AssertionError("nothing is kept");
        }

        @Override
        public void discard() {}
      };
    }
  }

  @Test
  void aLossInsideASegmentThatIsComputedAgainIsRefused() {
    try (Tensor x = input();
        Tensor targets = TestTensors.ids(backend, new int[(int) ROWS], ROWS);
        Tape tape = new Tape(backend, new EagerReplay(), WeightGradient.EXACT, true)) {
      Variable fine = tape.segment("block", tape.leaf(x), input -> tape.gelu(input));
      assertThrows(
          IllegalStateException.class,
          () ->
              tape.segment(
                  "loss",
                  fine,
                  input -> {
                    tape.crossEntropy(tape.fork(input), targets, 1);
                    return input;
                  }));
    }
  }

  @Test
  void anErrorInBackwardLeaksNothing() {
    Parameter weight = Parameter.of("weight", Shape.of(8, WIDTH), Initializer.normal(1), true);
    WeightGradient failing =
        new WeightGradient() {
          @Override
          public Tensor reduceInput(Backend backend, Parameter parameter, Tensor input) {
            return input.retain();
          }

          @Override
          public void apply(
              Backend backend,
              Parameter parameter,
              Tensor saved,
              Tensor dy,
              Tensor gradient,
              boolean accumulate) {
            throw new IllegalStateException("broken on purpose");
          }
        };
    try (ParameterStore store = new ParameterStore(backend, List.of(weight));
        Tensor x = input();
        Tensor dy = TestTensors.normal(backend, DType.F32, 2, ROWS, 8);
        Tape tape = new Tape(backend, SavedTensors.keep(), failing, true)) {
      store.initialise(1);
      Variable y = tape.gelu(tape.linear(tape.gelu(tape.leaf(x)), weight, Optional.empty()));
      assertThrows(IllegalStateException.class, () -> tape.backward(y, dy));
    }
    assertEquals(0, activations());
  }
}
