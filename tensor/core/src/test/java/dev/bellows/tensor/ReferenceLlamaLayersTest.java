package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The oracle's RMS normalisation, SwiGLU and rotary embedding at known points. Their gradients are checked in `nn`, through the tape.
class ReferenceLlamaLayersTest {
  private final ReferenceBackend backend = new ReferenceBackend();
  private final List<Tensor> tensors = new ArrayList<>();

  @AfterEach
  void close() {
    tensors.forEach(Tensor::release);
    backend.close();
  }

  private Tensor of(double[] values, long... dims) {
    Tensor tensor = backend.allocate(DType.F64, Shape.of(dims), Category.WORKSPACE);
    Values.write(values, tensor);
    tensors.add(tensor);
    return tensor;
  }

  @Test
  void rmsNormDividesByTheRootOfTheMeanSquare() {
    Tensor x = of(new double[] {3, 4, 0, 0}, 2, 2);
    Tensor y = of(new double[4], 2, 2);
    Tensor inverse = of(new double[2], 2);
    backend.rmsNorm(x, of(new double[] {2, 1}, 2), 0.25, y, inverse);
    double root = Math.sqrt(12.5 + 0.25);
    assertArrayEquals(new double[] {6 / root, 4 / root, 0, 0}, Values.read(y), 1e-15);
    assertArrayEquals(new double[] {1 / root, 2}, Values.read(inverse), 1e-15);
  }

  @Test
  void swiGluGatesTheSecondHalfWithTheFirst() {
    // silu(1) = 0.7310585786300049 and silu(-2) = -0.2384058440442351, printed by Python: x / (1 + math.exp(-x)).
    Tensor y = of(new double[2], 1, 2);
    backend.swiGlu(of(new double[] {1, -2, 10, 100}, 1, 4), y);
    assertArrayEquals(
        new double[] {7.310585786300049, -23.84058440442351}, Values.read(y), 1e-13);
  }

  @Test
  void rotaryTurnsElementsThatAreHalfAHeadApart() {
    // One head of width 4 and one element behind it; position 1 turns by 1 and by theta^(-1/2) = 0.1.
    Tensor x = of(new double[] {1, 1, 0, 0, 7, 1, 1, 0, 0, 8}, 2, 5);
    Tensor y = of(new double[10], 2, 5);
    Rotary spec = new Rotary(2, 1, 4, 100, false);
    backend.rotary(spec, x, y);
    assertArrayEquals(
        new double[] {
          1, 1, 0, 0, 7, Math.cos(1), Math.cos(0.1), Math.sin(1), Math.sin(0.1), 8
        },
        Values.read(y),
        1e-15);
    backend.rotary(spec.inverted(), y, y);
    assertArrayEquals(Values.read(x), Values.read(y), 1e-15);
    assertEquals(spec, spec.inverted().inverted());
  }
}
