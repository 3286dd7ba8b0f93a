package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Two parameters, "a" [5, 8] at 0 and "b" [10] at 48, on two ranks: rank 0 owns elements 0 to 31 of "a", rank 1 the others and "b".
class OptimizerSlicesTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 1);
  private static final int SIZE = 64;
  private static final Shape A = Shape.of(5, 8);
  private static final Shape B = Shape.of(10);
  private static final UpdateRule ADAMW = new AdamW(0.9, 0.95, 1e-8, 0.1);
  private static final UpdateRule MUON = new Muon(0.95, true, 0.1);

  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  private Tensor drawn(long stream) {
    Philox random = Philox.of(SEED, Philox.Purpose.TEST).derive(stream);
    double[] elements = new double[SIZE];
    for (int i = 0; i < SIZE; i++) {
      boolean padding = i >= 40 && i < 48 || i >= 58;
      elements[i] = padding ? 0 : random.normal(i);
    }
    Tensor tensor = backend.allocate(DType.F64, Shape.of(SIZE), Category.WORKSPACE);
    backend.upload(MemorySegment.ofArray(elements), tensor);
    return tensor;
  }

  private double[] get(Tensor tensor) {
    double[] elements = new double[(int) tensor.elements()];
    backend.download(tensor, MemorySegment.ofArray(elements));
    return elements;
  }

  private static List<ParameterSpan> whole() {
    return List.of(new ParameterSpan("a", A, 0, true), new ParameterSpan("b", B, 48, true));
  }

  private static List<Treatment> treatments(int count) {
    return Collections.nCopies(count, Treatment.of(ADAMW));
  }

  @Test
  void slicesHaveTheBitsAndTheStateOfTheWhole() {
    try (Tensor values = drawn(1);
        Tensor sliced = drawn(1);
        Tensor gradients = drawn(2);
        Tensor share = backend.allocate(DType.F64, Shape.of(32), Category.WORKSPACE);
        Optimizer one = new Optimizer(backend, whole(), treatments(2), values, gradients);
        Optimizer first =
            Optimizer.ofSlices(
                backend,
                List.of(new SliceSpan("a", A, 0, 32, 0, 0, true)),
                treatments(1),
                sliced,
                gradients);
        Optimizer second =
            Optimizer.ofSlices(
                backend,
                List.of(
                    new SliceSpan("a", A, 32, 8, 32, 0, true),
                    new SliceSpan("b", B, 0, 10, 48, 16, true)),
                treatments(2),
                sliced,
                share)) {
      backend.copy(gradients.slice(32, 32), share);
      assertEquals(1, second.callsPerStep(), "neighbours with equal padding are one run");
      for (int step = 1; step <= 3; step++) {
        one.step(step, 0.01, 0.5);
        first.step(step, 0.01, 0.5);
        second.step(step, 0.01, 0.5);
      }
      assertArrayEquals(get(values), get(sliced));
      assertArrayEquals(
          held(one, "a", "exp_avg_sq"), held(List.of(first, second), "a", "exp_avg_sq"));
      assertArrayEquals(held(one, "b", "exp_avg"), held(second, "b", "exp_avg"));
      // Two states: 64 elements on one rank (58, aligned), 32 on each of two (26 on the second).
      assertEquals(2L * (64 + 32 + 32) * 8, backend.memory().live(Category.OPTIMIZER));
    }
  }

  private double[] held(Optimizer optimizer, String parameter, String state) {
    return held(List.of(optimizer), parameter, state);
  }

  /// The state put together from what the optimizers hold of it.
  private double[] held(List<Optimizer> optimizers, String parameter, String state) {
    double[] whole = new double[0];
    long found = 0;
    for (Optimizer optimizer : optimizers) {
      for (HeldState held : optimizer.held()) {
        if (held.parameter().equals(parameter) && held.spec().name().equals(state)) {
          whole = Arrays.copyOf(whole, (int) held.spec().shape().elements());
          System.arraycopy(get(held.tensor()), 0, whole, (int) held.start(), (int) held.extent());
          found += held.extent();
        }
      }
    }
    assertTrue(found > 0);
    assertEquals(whole.length, found);
    return whole;
  }

  /// What lies between the slices of one rank belongs to others.
  @Test
  void whatIsNotOwnedStaysAsItIs() {
    try (Tensor values = drawn(1);
        Tensor before = drawn(1);
        Tensor gradients = drawn(2);
        Optimizer optimizer =
            Optimizer.ofSlices(
                backend,
                List.of(
                    new SliceSpan("a", A, 0, 16, 0, 0, true),
                    new SliceSpan("b", B, 0, 10, 48, 48, true)),
                treatments(2),
                values,
                gradients)) {
      assertEquals(2, optimizer.callsPerStep());
      optimizer.step(1, 0.01, 1);
      assertArrayEquals(get(before.slice(16, 32)), get(values.slice(16, 32)));
      assertTrue(get(before)[0] != get(values)[0] && get(before)[50] != get(values)[50]);
    }
  }

  @Test
  void refusesPartsOfWhatMustBeWholeAndRunsThatDoNotFit() {
    try (Tensor values = drawn(1);
        Tensor gradients = drawn(2)) {
      List<SliceSpan> part = List.of(new SliceSpan("a", A, 0, 16, 0, 0, true));
      assertTrue(
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      Optimizer.ofSlices(
                          backend, part, List.of(Treatment.of(MUON)), values, gradients))
              .getMessage()
              .contains("give the whole parameter to one rank"));
      assertThrows(
          IllegalArgumentException.class,
          () -> Optimizer.ofSlices(backend, part, treatments(1), values, gradients.slice(0, 8)));
      assertThrows(IllegalArgumentException.class, () -> new SliceSpan("a", A, 32, 9, 32, 0, true));
      assertEquals(0, backend.memory().live(Category.OPTIMIZER));
    }
  }
}
