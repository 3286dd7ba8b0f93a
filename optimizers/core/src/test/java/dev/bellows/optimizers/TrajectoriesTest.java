package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Lion, Adafactor and Muon in FP64 against `trajectories.txt`, which `trajectories.py` beside it computes with numpy from the published
/// pseudo-code, and first steps computed by hand.
class TrajectoriesTest {
  private static final int STEPS = 5;
  private static final Map<String, double[]> EXPECTED = read();

  /// Twice as large as it must be, undone by the step: clipping and the loss scale arrive this way.
  private static final double GRADIENT_FACTOR = 2;

  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  private static Map<String, double[]> read() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                TrajectoriesTest.class.getResourceAsStream("trajectories.txt"),
                StandardCharsets.UTF_8))) {
      return lines
          .lines()
          .map(line -> line.split(" "))
          .collect(
              Collectors.toMap(
                  words -> words[0] + " " + words[1],
                  words ->
                      Arrays.stream(words).skip(2).mapToDouble(Double::parseDouble).toArray()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Tensor tensor(double[] elements) {
    Tensor tensor = backend.allocate(DType.F64, Shape.of(elements.length), Category.WORKSPACE);
    backend.upload(MemorySegment.ofArray(elements), tensor);
    return tensor;
  }

  private double[] get(Tensor tensor) {
    double[] elements = new double[(int) tensor.elements()];
    backend.download(tensor, MemorySegment.ofArray(elements));
    return elements;
  }

  private static double[] start(int size) {
    double[] elements = new double[size];
    Arrays.setAll(elements, i -> Math.sin(i + 1.0));
    return elements;
  }

  private static double[] gradient(int size, int t, double scale) {
    double[] elements = new double[size];
    Arrays.setAll(elements, i -> scale * GRADIENT_FACTOR * Math.cos(3.0 * i + t) * (1 + i % 5));
    return elements;
  }

  private void follows(String name, UpdateRule rule, double rate, double scale, long... dims) {
    Shape shape = Shape.of(dims);
    int size = (int) shape.elements();
    List<ParameterSpan> spans = List.of(new ParameterSpan("p", shape, 0, true));
    try (Tensor values = tensor(start(size));
        Tensor gradients = tensor(new double[size]);
        Optimizer optimizer = new Optimizer(backend, rule, spans, values, gradients)) {
      for (int t = 1; t <= STEPS; t++) {
        backend.upload(MemorySegment.ofArray(gradient(size, t, scale)), gradients);
        optimizer.step(t, rate, 1 / GRADIENT_FACTOR);
        assertArrayEquals(EXPECTED.get(name + " " + t), get(values), 1e-13, name + ", step " + t);
        assertArrayEquals(gradient(size, t, scale), get(gradients), "gradients are read only");
      }
    }
    assertEquals(0, backend.memory().live(), "scratch is given back");
  }

  private static Adafactor adafactor(double clip, boolean relative, double decay) {
    return new Adafactor(-0.8, 0x1p-23, 1e-3, clip, relative, decay);
  }

  @Test
  void lion() {
    follows("lion", new Lion(0.9, 0.99, 0.3), 0.01, 1, 7);
  }

  @Test
  void adafactor() {
    follows("adafactor-matrix", adafactor(1, true, 0.1), 0.05, 1, 3, 4);
    follows("adafactor-clipped", adafactor(0.5, true, 0), 0.7, 1, 4, 3);
    follows("adafactor-vector", adafactor(1, true, 0.1), 0.05, 1, 5);
    follows("adafactor-kernel", adafactor(1, true, 0), 0.05, 1, 2, 3, 4);
    follows("adafactor-absolute", adafactor(1, false, 0.1), 0.01, 1, 3, 4);
    follows("adafactor-tiny", adafactor(1, true, 0), 0.05, 1e-9, 3, 4);
  }

  @Test
  void muon() {
    follows("muon-wide", new Muon(0.95, true, 0.1), 0.02, 1, 3, 5);
    follows("muon-tall", new Muon(0.95, true, 0.1), 0.02, 1, 5, 3);
    follows("muon-plain", new Muon(0.9, false, 0), 0.02, 1, 4, 4);
    follows("muon-kernel", new Muon(0.95, true, 0.1), 0.02, 1, 3, 2, 2);
  }

  /// The first step of `rule` on `parameter` of `dims` at rate `rate`.
  private double[] firstStep(
      UpdateRule rule, double rate, double[] parameter, double[] gradient, long... dims) {
    List<ParameterSpan> spans = List.of(new ParameterSpan("p", Shape.of(dims), 0, true));
    try (Tensor values = tensor(parameter);
        Tensor gradients = tensor(gradient);
        Optimizer optimizer = new Optimizer(backend, rule, spans, values, gradients)) {
      optimizer.step(1, rate, 1);
      return get(values);
    }
  }

  /// By hand: p = 2, g = -3, lr = 0.1, λ = 0.5: 2·(1 - 0.05) + 0.1 = 2.0; g = 0 only decays: 1·0.95.
  @Test
  void lionByHand() {
    double[] moved =
        firstStep(new Lion(0.9, 0.99, 0.5), 0.1, new double[] {2, 1}, new double[] {-3, 0}, 2);
    assertArrayEquals(new double[] {2.0, 0.95}, moved, 1e-15);
  }

  /// By hand: g = [[1, 2], [2, 4]] has rank one, as its squares [[1, 4], [4, 16]] have, so the factors lose nothing: V = g² at step 1 (w = 1) and U = 1
  /// everywhere, RMS(U) = 1. RMS(p) = √((9 + 1 + 1 + 9) / 4) = √5; α = √5 · min(0.1, 1) = 0.2236.
  @Test
  void adafactorByHand() {
    double[] moved =
        firstStep(
            adafactor(1, true, 0),
            0.1,
            new double[] {3, 1, -1, 3},
            new double[] {1, 2, 2, 4},
            2,
            2);
    double alpha = 0.1 * Math.sqrt(5);
    assertArrayEquals(new double[] {3 - alpha, 1 - alpha, -1 - alpha, 3 - alpha}, moved, 1e-14);
  }

  /// By hand: g = diag(3, -4), μ = 0: the direction is g, g / ‖g‖ = diag(0.6, -0.8), and the iteration acts on each singular value alone by s ← 3.4445 s -
  /// 4.775 s³ + 2.0315 s⁵: 0.6 → 1.1933 → 0.9119 → 0.8011 → 0.9747 → 0.7229 and 0.8 → 0.9765 → 0.7211 → 1.0895 → 0.6960 → 1.1192. The step is
  /// lr·0.2·√2 of it, lr = 0.5.
  @Test
  void muonByHand() {
    double[] moved =
        firstStep(new Muon(0, false, 0), 0.5, new double[4], new double[] {3, 0, 0, -4}, 2, 2);
    double size = 0.5 * 0.2 * Math.sqrt(2);
    assertEquals(-size * 0.722876, moved[0], 1e-6 * size);
    assertEquals(size * 1.119204, moved[3], 1e-6 * size);
    assertEquals(0, moved[1], 1e-15);
    assertEquals(0, moved[2], 1e-15);
  }

  /// Five iterations bring every singular value that was not tiny near 1.
  @Test
  void newtonSchulzOrthogonalises() {
    double[] elements = new double[6 * 4];
    Arrays.setAll(elements, i -> Math.sin(7.0 * i * i + 1));
    try (Tensor flat = tensor(elements)) {
      NewtonSchulz.orthogonalize(backend, flat.view(6, 4));
      double[] x = get(flat);
      double trace = 0;
      for (double value : x) {
        trace += value * value;
      }
      assertTrue(trace > 4 * 0.68 * 0.68 && trace < 4 * 1.2 * 1.2, "squares sum to " + trace);
    }
  }

  @Test
  void refusesWhatARuleCannotDo() {
    assertMessage("needs another rule", () -> new Muon(0.95, true, 0).state(Shape.of(3)));
    assertMessage("epsilon", () -> new Adafactor(-0.8, 0, 1e-3, 1, true, 0));
    assertMessage("beta2 decay", () -> new Adafactor(0.8, 1e-7, 1e-3, 1, true, 0));
    assertMessage("beta1", () -> new Lion(1, 0.99, 0));
    assertMessage("momentum", () -> new Muon(1, true, 0));
  }

  private static void assertMessage(String part, Runnable call) {
    try {
      call.run();
    } catch (IllegalArgumentException e) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
      return;
    }
    throw new AssertionError("nothing was refused");
  }
}
