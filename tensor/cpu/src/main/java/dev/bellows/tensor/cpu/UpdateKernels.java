package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.all;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static dev.bellows.tensor.cpu.Lanes.zero;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.LionStep;
import dev.bellows.tensor.SgdStep;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The update rules, one pass over all their buffers.
final class UpdateKernels {
  private UpdateKernels() {}

  /// The scalars of a step, computed in double and rounded once.
  record AdamWFactors(
      float gradientScale,
      float decay,
      float beta1,
      float oneMinusBeta1,
      float beta2,
      float oneMinusBeta2,
      float rate,
      float inverseRoot,
      float epsilon) {
    static AdamWFactors of(AdamWStep step) {
      double correction1 = 1 - StrictMath.pow(step.beta1(), step.step());
      double correction2 = 1 - StrictMath.pow(step.beta2(), step.step());
      return new AdamWFactors(
          (float) step.gradientScale(),
          (float) (1 - step.learningRate() * step.weightDecay()),
          (float) step.beta1(),
          (float) (1 - step.beta1()),
          (float) step.beta2(),
          (float) (1 - step.beta2()),
          (float) (-step.learningRate() / correction1),
          (float) (1 / StrictMath.sqrt(correction2)),
          (float) step.epsilon());
    }
  }

  static void adamW(
      AdamWFactors f, long parameter, long gradient, long firstMoment, long secondMoment, int n) {
    for (int i = 0; i < n; i += WIDTH) {
      long at = 4L * i;
      VectorMask<Float> mask = first(n - i);
      FloatVector g = load(gradient + at, mask).mul(f.gradientScale);
      FloatVector m = load(firstMoment + at, mask).mul(f.beta1).add(g.mul(f.oneMinusBeta1));
      FloatVector v = load(secondMoment + at, mask).mul(f.beta2).add(g.mul(g).mul(f.oneMinusBeta2));
      store(m, firstMoment + at, mask);
      store(v, secondMoment + at, mask);
      store(
          VectorFunctions.adamWParameter(f, load(parameter + at, mask), m, v),
          parameter + at,
          mask);
    }
  }

  static void sgd(SgdStep step, long parameter, long gradient, long momentum, int n) {
    float scale = (float) step.gradientScale();
    float decay = (float) step.weightDecay();
    float rate = (float) -step.learningRate();
    float mu = (float) step.momentum();
    // The first step must not read the buffer: it may hold anything, and 0·NaN is NaN.
    boolean fresh = step.step() == 1 || step.momentum() == 0;
    for (int i = 0; i < n; i += WIDTH) {
      VectorMask<Float> mask = first(n - i);
      long at = 4L * i;
      FloatVector p = load(parameter + at, mask);
      FloatVector g = p.fma(all(decay), load(gradient + at, mask).mul(scale));
      FloatVector buffer = fresh ? g : load(momentum + at, mask).fma(all(mu), g);
      FloatVector direction = step.nesterov() ? buffer.fma(all(mu), g) : buffer;
      store(buffer, momentum + at, mask);
      store(direction.fma(all(rate), p), parameter + at, mask);
    }
  }

  static void lion(LionStep step, long parameter, long gradient, long momentum, int n) {
    float scale = (float) step.gradientScale();
    float decay = (float) (1 - step.learningRate() * step.weightDecay());
    float rate = (float) step.learningRate();
    float beta1 = (float) step.beta1();
    float oneMinusBeta1 = (float) (1 - step.beta1());
    float beta2 = (float) step.beta2();
    float oneMinusBeta2 = (float) (1 - step.beta2());
    for (int i = 0; i < n; i += WIDTH) {
      VectorMask<Float> mask = first(n - i);
      long at = 4L * i;
      FloatVector g = load(gradient + at, mask).mul(scale);
      FloatVector m = load(momentum + at, mask);
      FloatVector direction = m.mul(beta1).add(g.mul(oneMinusBeta1));
      FloatVector move =
          zero()
              .blend(-rate, direction.compare(VectorOperators.GT, 0f))
              .blend(rate, direction.compare(VectorOperators.LT, 0f));
      store(load(parameter + at, mask).mul(decay).add(move), parameter + at, mask);
      store(m.mul(beta2).add(g.mul(oneMinusBeta2)), momentum + at, mask);
    }
  }
}
