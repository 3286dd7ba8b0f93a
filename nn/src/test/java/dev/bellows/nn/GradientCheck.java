package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;
import java.util.function.DoubleSupplier;

/// Compares gradients with central differences in double precision.
public final class GradientCheck {
  // The truncation error of a central difference is about STEP² = 1e-10 of the third derivative,
  // its rounding error about
  // 1e-16 / STEP = 1e-11 of the objective; the bound leaves room for objectives of size 100.
  private static final double STEP = 1e-5;
  private static final double RELATIVE = 1e-7;
  private static final double ABSOLUTE = 1e-8;

  private GradientCheck() {}

  /// Fails unless `gradient` is that of `objective` with respect to the F64 tensor `value`; every element is tried. The gradient may
  /// not be all zero, or nothing was checked.
  public static void check(
      String what, Backend backend, Tensor value, double[] gradient, DoubleSupplier objective) {
    assertEquals(DType.F64, value.dtype(), what);
    double[] at = TestTensors.values(backend, value);
    double difference = 0;
    double size = 0;
    for (int i = 0; i < at.length; i++) {
      double slope = slope(backend, value, at, i, objective);
      difference += (slope - gradient[i]) * (slope - gradient[i]);
      size += slope * slope;
    }
    assertTrue(size > 0, what + ": the gradient is zero everywhere");
    double bound = RELATIVE * Math.sqrt(size) + ABSOLUTE;
    assertTrue(
        Math.sqrt(difference) <= bound,
        what
            + ": gradient differs from central differences by "
            + Math.sqrt(difference)
            + " of "
            + Math.sqrt(size));
  }

  private static double slope(
      Backend backend, Tensor value, double[] at, int index, DoubleSupplier objective) {
    double middle = at[index];
    Tensor element = value.slice(index, 1);
    TestTensors.set(backend, element, i -> middle + STEP);
    double above = objective.getAsDouble();
    TestTensors.set(backend, element, i -> middle - STEP);
    double below = objective.getAsDouble();
    TestTensors.set(backend, element, i -> middle);
    return (above - below) / (2 * STEP);
  }
}
