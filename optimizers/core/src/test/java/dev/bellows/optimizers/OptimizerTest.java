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
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OptimizerTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 1);
  private static final int SIZE = 64;

  /// Two decayed parameters with padding between, an undecayed one, a decayed one; padding at 6-7, 13-15, 21-23, 32 and on.
  private static final List<ParameterSpan> SPANS =
      List.of(
          new ParameterSpan("a", Shape.of(2, 3), 0, true),
          new ParameterSpan("b", Shape.of(5), 8, true),
          new ParameterSpan("c", Shape.of(5), 16, false),
          new ParameterSpan("d", Shape.of(2, 4), 24, true));

  private final ReferenceBackend backend = new ReferenceBackend();
  private final Philox random = Philox.of(SEED, Philox.Purpose.TEST);
  private final Tensor values = zeros(SIZE);
  private final Tensor gradients = zeros(SIZE);

  @AfterEach
  void close() {
    values.release();
    gradients.release();
    backend.close();
  }

  private Tensor zeros(int count) {
    Tensor tensor = backend.allocate(DType.F64, Shape.of(count), Category.WORKSPACE);
    backend.fill(tensor, 0);
    return tensor;
  }

  private void set(Tensor tensor, double[] elements) {
    backend.upload(MemorySegment.ofArray(elements), tensor);
  }

  private double[] get(Tensor tensor) {
    double[] elements = new double[(int) tensor.elements()];
    backend.download(tensor, MemorySegment.ofArray(elements));
    return elements;
  }

  /// Random elements inside the spans, zero in the padding.
  private double[] draw(long stream) {
    double[] elements = new double[SIZE];
    for (ParameterSpan span : SPANS) {
      for (long i = span.offset(); i < span.end(); i++) {
        elements[(int) i] = random.derive(stream).normal(i);
      }
    }
    return elements;
  }

  private static boolean decayed(int element) {
    return element < 13 || element >= 24;
  }

  /// Adam by its unrolled sums, not by recursion: m(t) = (1 - β1) Σ β1^(t-s) g(s), likewise v.
  @Test
  void adamWFollowsTheUnrolledSums() {
    double[] expected = draw(0);
    set(values, expected);
    List<double[]> history = new ArrayList<>();
    try (Optimizer optimizer =
        new Optimizer(backend, new AdamW(0.8, 0.9, 1e-6, 0.3), SPANS, values, gradients)) {
      assertEquals(3, optimizer.callsPerStep());
      assertEquals(
          List.of("exp_avg", "exp_avg_sq"),
          optimizer.state(1).stream().map(StateTensor::name).toList());
      for (int t = 1; t <= 5; t++) {
        history.add(draw(t));
        set(gradients, history.getLast());
        double rate = 0.1 / t;
        optimizer.step(t, rate, 0.5);
        for (int i = 0; i < SIZE; i++) {
          double m = 0;
          double v = 0;
          for (int s = 1; s <= t; s++) {
            double g = 0.5 * history.get(s - 1)[i];
            m += 0.2 * Math.pow(0.8, t - s) * g;
            v += 0.1 * Math.pow(0.9, t - s) * g * g;
          }
          double corrected =
              m / (1 - Math.pow(0.8, t)) / (Math.sqrt(v / (1 - Math.pow(0.9, t))) + 1e-6);
          expected[i] -= rate * ((decayed(i) ? 0.3 : 0) * expected[i] + corrected);
        }
        assertArrayEquals(expected, get(values), 1e-12, "step " + t + ", seed " + SEED);
        assertArrayEquals(history.getLast(), get(gradients), "gradients are read only");
      }
      paddingIsZero(values);
    }
  }

  /// Momentum by its unrolled sum Σ μ^(t-s) g(s), with the decay coupled into g.
  @Test
  void sgdFollowsTheUnrolledSum() {
    for (boolean nesterov : new boolean[] {false, true}) {
      double[] expected = draw(0);
      set(values, expected);
      List<double[]> history = new ArrayList<>();
      try (Optimizer optimizer =
          new Optimizer(backend, new Sgd(0.7, nesterov, 0.3), SPANS, values, gradients)) {
        for (int t = 1; t <= 5; t++) {
          double[] g = draw(t);
          set(gradients, g);
          optimizer.step(t, 0.1, 2);
          double[] scaled = new double[SIZE];
          for (int i = 0; i < SIZE; i++) {
            scaled[i] = 2 * g[i] + (decayed(i) ? 0.3 * expected[i] : 0);
          }
          history.add(scaled);
          for (int i = 0; i < SIZE; i++) {
            double buffer = 0;
            for (int s = 1; s <= t; s++) {
              buffer += Math.pow(0.7, t - s) * history.get(s - 1)[i];
            }
            expected[i] -= 0.1 * (nesterov ? scaled[i] + 0.7 * buffer : buffer);
          }
          assertArrayEquals(
              expected,
              get(values),
              1e-12,
              "step " + t + ", nesterov " + nesterov + ", seed " + SEED);
        }
        paddingIsZero(values);
      }
    }
  }

  private void paddingIsZero(Tensor flat) {
    double[] elements = get(flat);
    for (int i = 0; i < SIZE; i++) {
      int element = i;
      if (SPANS.stream().noneMatch(span -> element >= span.offset() && element < span.end())) {
        assertEquals(0, elements[i], "padding at " + i);
      }
    }
  }

  @Test
  void mergedRunsHaveTheBitsOfSingleParameters() {
    set(values, draw(0));
    set(gradients, draw(1));
    AdamW rule = new AdamW(0.9, 0.95, 1e-8, 0.1);
    try (Optimizer merged = new Optimizer(backend, rule, SPANS, values, gradients)) {
      merged.step(1, 0.01, 1);
    }
    double[] together = get(values);
    set(values, draw(0));
    for (ParameterSpan span : SPANS) {
      try (Optimizer single = new Optimizer(backend, rule, List.of(span), values, gradients)) {
        single.step(1, 0.01, 1);
      }
    }
    assertArrayEquals(together, get(values));
  }

  /// A rule that must see whole matrices: a step along the gradient divided by its row's norm.
  private record RowNormalised() implements UpdateRule {
    @Override
    public Need need() {
      return Need.MATRIX;
    }

    @Override
    public List<StateSpec> state(Shape shape) {
      return List.of();
    }

    @Override
    public void apply(
        UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
      long width = parameter.shape().dim(-1);
      for (long row = 0; row < parameter.elements() / width; row++) {
        Tensor direction = gradient.slice(row * width, width);
        double norm = Math.sqrt(context.backend().squaredNorm(direction));
        for (long i = 0; i < width; i++) {
          double value = parameter.segment().getAtIndex(ValueLayout.JAVA_DOUBLE, row * width + i);
          double g = direction.segment().getAtIndex(ValueLayout.JAVA_DOUBLE, i);
          parameter
              .segment()
              .setAtIndex(
                  ValueLayout.JAVA_DOUBLE,
                  row * width + i,
                  value - context.learningRate() * g / norm);
        }
      }
    }
  }

  @Test
  void matrixRulesSeeLogicalShapes() {
    double[] g = draw(1);
    set(gradients, g);
    try (Optimizer optimizer =
        new Optimizer(backend, new RowNormalised(), SPANS, values, gradients)) {
      assertEquals(4, optimizer.callsPerStep());
      optimizer.step(1, 1, 1);
    }
    double[] moved = get(values);
    double norm = Math.sqrt(g[3] * g[3] + g[4] * g[4] + g[5] * g[5]);
    assertArrayEquals(
        new double[] {-g[3] / norm, -g[4] / norm, -g[5] / norm},
        new double[] {moved[3], moved[4], moved[5]},
        1e-15);
    paddingIsZero(values);
  }

  private static Stream<Tensor> states(Optimizer optimizer) {
    return IntStream.range(0, optimizer.spans().size())
        .boxed()
        .flatMap(i -> optimizer.state(i).stream())
        .map(StateTensor::tensor);
  }

  /// Restoring the state and the step number restores the trajectory, bit by bit.
  @Test
  void stateIsAllThereIs() {
    AdamW rule = new AdamW(0.9, 0.95, 1e-8, 0.1);
    set(values, draw(0));
    double[] end;
    double[] middle;
    List<double[]> kept;
    try (Optimizer optimizer = new Optimizer(backend, rule, SPANS, values, gradients)) {
      set(gradients, draw(1));
      optimizer.step(1, 0.01, 1);
      middle = get(values);
      kept = states(optimizer).map(this::get).toList();
      set(gradients, draw(2));
      optimizer.step(2, 0.01, 1);
      end = get(values);
    }
    set(values, middle);
    try (Optimizer resumed = new Optimizer(backend, rule, SPANS, values, gradients)) {
      List<Tensor> states = states(resumed).toList();
      for (int i = 0; i < kept.size(); i++) {
        set(states.get(i), kept.get(i));
      }
      resumed.step(2, 0.01, 1);
    }
    assertArrayEquals(end, get(values));
  }

  @Test
  void stateIsAccountedAndReleased() {
    Optimizer optimizer =
        new Optimizer(backend, new AdamW(0.9, 0.95, 1e-8, 0), SPANS, values, gradients);
    // Runs of 13, 5 and 8 elements, each of two states and rounded up to 16.
    assertEquals(2L * 3 * 16 * 8, backend.memory().live(Category.OPTIMIZER));
    states(optimizer)
        .forEach(state -> assertArrayEquals(new double[(int) state.elements()], get(state)));
    optimizer.close();
    optimizer.close();
    assertEquals(0, backend.memory().live(Category.OPTIMIZER));
  }

  @Test
  void anEmptyModelHasNoCalls() {
    try (Optimizer optimizer =
        new Optimizer(backend, new Sgd(0, false, 0), List.of(), values, gradients)) {
      optimizer.step(1, 0.1, 1);
      assertEquals(0, optimizer.callsPerStep());
    }
  }

  @Test
  void refusesSpansThatDoNotFit() {
    refused(
        "b",
        new ParameterSpan("a", Shape.of(9), 0, true),
        new ParameterSpan("b", Shape.of(5), 8, true));
    refused(
        "b",
        new ParameterSpan("a", Shape.of(4), 8, true),
        new ParameterSpan("b", Shape.of(4), 0, true));
    refused("64", new ParameterSpan("a", Shape.of(60), 8, true));
    refused(
        "called a",
        new ParameterSpan("a", Shape.of(4), 0, true),
        new ParameterSpan("a", Shape.of(4), 8, true));
    assertThrows(
        IllegalArgumentException.class, () -> new ParameterSpan("a", Shape.of(4), -1, true));
    assertEquals(0, backend.memory().live(Category.OPTIMIZER));
    try (Optimizer optimizer =
        new Optimizer(backend, new Sgd(0.9, false, 0), SPANS, values, gradients)) {
      assertThrows(IllegalArgumentException.class, () -> optimizer.step(0, 0.1, 1));
    }
  }

  private void refused(String named, ParameterSpan... spans) {
    IllegalArgumentException error =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                new Optimizer(backend, new Sgd(0.9, false, 0), List.of(spans), values, gradients));
    assertTrue(error.getMessage().contains(named), error.getMessage());
  }

  @Test
  void refusesBuffersThatDiffer() {
    Sgd rule = new Sgd(0.9, false, 0);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Optimizer(backend, rule, SPANS, values, gradients.slice(0, 63)));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Optimizer(backend, rule, SPANS, values.view(8, 8), gradients.view(8, 8)));
  }

  @Test
  void refusesHyperParametersOutOfRange() {
    assertThrows(IllegalArgumentException.class, () -> new AdamW(1, 0.9, 1e-8, 0));
    assertThrows(IllegalArgumentException.class, () -> new AdamW(0.9, -0.1, 1e-8, 0));
    assertThrows(IllegalArgumentException.class, () -> new AdamW(0.9, 0.9, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new AdamW(0.9, 0.9, 1e-8, -1));
    assertThrows(IllegalArgumentException.class, () -> new AdamW(Double.NaN, 0.9, 1e-8, 0));
    assertThrows(IllegalArgumentException.class, () -> new Sgd(1, false, 0));
    assertThrows(IllegalArgumentException.class, () -> new Sgd(0, true, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new Sgd(0.9, false, Double.POSITIVE_INFINITY));
  }
}
