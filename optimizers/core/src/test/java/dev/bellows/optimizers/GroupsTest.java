package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Parameters of one model that are updated in different ways.
class GroupsTest {
  private static final List<ParameterSpan> SPANS =
      List.of(
          new ParameterSpan("a", Shape.of(2, 3), 0, true),
          new ParameterSpan("b", Shape.of(3), 8, false),
          new ParameterSpan("c", Shape.of(2, 2), 16, true),
          new ParameterSpan("d", Shape.of(2), 20, true));

  private final ReferenceBackend backend = new ReferenceBackend();
  private final Tensor values = backend.allocate(DType.F64, Shape.of(24), Category.PARAMETER);
  private final Tensor gradients = backend.allocate(DType.F64, Shape.of(24), Category.GRADIENT);

  @AfterEach
  void close() {
    values.release();
    gradients.release();
    backend.close();
  }

  private Optimizer optimizer(Treatment... treatments) {
    return new Optimizer(backend, SPANS, List.of(treatments), values, gradients);
  }

  private double value(int index) {
    double[] all = new double[24];
    backend.download(values, MemorySegment.ofArray(all));
    return all[index];
  }

  @Test
  void eachParameterHasItsOwnRuleRateAndState() {
    backend.fill(values, 1);
    backend.fill(gradients, 1);
    UpdateRule sgd = new Sgd(0, false, 0);
    try (Optimizer optimizer =
        optimizer(
            Treatment.of(new Adafactor(-0.8, 1e-7, 1e-3, 1, true, 0)),
            new Treatment(sgd, 0.5, false),
            new Treatment(sgd, 1, true),
            Treatment.of(sgd))) {
      assertEquals(3, optimizer.callsPerStep());
      assertEquals(
          List.of("row_var", "col_var"),
          optimizer.state(0).stream().map(StateTensor::name).toList());
      assertArrayEquals(new long[] {2}, optimizer.state(0).getFirst().tensor().shape().dims());
      assertArrayEquals(new long[] {3}, optimizer.state(0).getLast().tensor().shape().dims());
      assertEquals(1, optimizer.state(1).size());
      assertEquals(List.of(), optimizer.state(2), "a frozen parameter has no state");
      optimizer.step(1, 0.1, 1);
    }
    assertEquals(0.9, value(0), 1e-15);
    assertEquals(0.95, value(8), 1e-15);
    assertEquals(1, value(16), "a frozen parameter keeps its value");
    assertEquals(0.9, value(20), 1e-15);
  }

  @Test
  void neighboursOfEqualTreatmentShareACall() {
    UpdateRule lion = new Lion(0.9, 0.99, 0);
    try (Optimizer optimizer =
        optimizer(
            Treatment.of(lion),
            Treatment.of(lion),
            Treatment.of(new Lion(0.9, 0.99, 0)),
            new Treatment(lion, 2, false))) {
      // a and b differ in their decay, c and d in their rate.
      assertEquals(4, optimizer.callsPerStep());
    }
    try (Optimizer optimizer =
        optimizer(
            Treatment.of(lion),
            Treatment.of(lion),
            Treatment.of(lion),
            Treatment.of(new Lion(0.9, 0.99, 0)))) {
      assertEquals(3, optimizer.callsPerStep());
      assertArrayEquals(new long[] {2, 2}, optimizer.state(2).getFirst().tensor().shape().dims());
      assertArrayEquals(new long[] {2}, optimizer.state(3).getFirst().tensor().shape().dims());
    }
  }

  @Test
  void aRuleThatCannotUpdateItsParameterIsRefused() {
    Treatment muon = Treatment.of(new Muon(0.95, true, 0));
    assertThrows(IllegalArgumentException.class, () -> optimizer(muon, muon, muon, muon));
    assertThrows(IllegalArgumentException.class, () -> optimizer(muon));
    assertThrows(
        IllegalArgumentException.class, () -> new Treatment(new Muon(0.95, true, 0), 0, false));
    assertEquals(0, backend.memory().live(Category.OPTIMIZER));
  }
}
