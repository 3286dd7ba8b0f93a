package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.DOUBLES;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.exp;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Functions of one vector, which kernels must inline: a vector that crosses a call is an object on the heap.
///
/// They live apart from the kernels, because the JVM is told not to inline those into each other (`jvm.options`): the compiler has a
/// budget of nodes for one compilation, one vector operation takes hundreds, and beyond the budget it leaves calls with vectors in them.
final class VectorFunctions {
  /// gelu(x) = x·sigmoid(2u) with u = sqrt(2/π)(x + 0.044715x³), since (1 + tanh u)/2 = sigmoid(2u).
  private static final float MINUS_TWO_SCALE = -1.5957691216057308f;

  private static final float CUBIC = 0.044715f;

  private VectorFunctions() {}

  static FloatVector gelu(FloatVector x) {
    FloatVector inner = x.mul(x).fma(all(CUBIC), all(1f)).mul(x);
    return x.div(exp(inner.mul(MINUS_TWO_SCALE)).add(1f));
  }

  /// With e = exp(-2u) and s = 1/(1 + e): s + x·s·(1 - s)·2u', where 1 - s = e·s.
  static FloatVector geluDerivative(FloatVector x) {
    FloatVector square = x.mul(x);
    FloatVector e = exp(square.fma(all(CUBIC), all(1f)).mul(x).mul(MINUS_TWO_SCALE));
    FloatVector s = all(1f).div(e.add(1f));
    FloatVector slope = square.fma(all(-3f * CUBIC * MINUS_TWO_SCALE), all(-MINUS_TWO_SCALE));
    return x.mul(e.mul(s)).fma(slope.mul(s), s);
  }

  /// The parameter after an AdamW step, from its moments after the step.
  static FloatVector adamWParameter(
      UpdateKernels.AdamWFactors f, FloatVector p, FloatVector m, FloatVector v) {
    FloatVector denominator = v.sqrt().fma(all(f.inverseRoot()), all(f.epsilon()));
    return m.div(denominator).fma(all(f.rate()), p.mul(f.decay()));
  }

  /// Cheaper than `max`, which has rules for NaN and for zeros of both signs.
  static FloatVector larger(FloatVector a, FloatVector b) {
    return a.blend(b, b.compare(VectorOperators.GT, a));
  }

  /// One half of the lanes as doubles.
  static DoubleVector half(FloatVector v, int part) {
    return (DoubleVector) v.convertShape(VectorOperators.F2D, DOUBLES, part);
  }
}
