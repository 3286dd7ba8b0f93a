package dev.bellows.optimizers;

import dev.bellows.tensor.LionStep;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// Sign of an interpolated momentum (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2); the exact formula stands
/// at [LionStep].
///
/// Its steps are larger than Adam's: the paper takes a 3 to 10 times smaller learning rate and a weight decay as many times larger.
///
/// @param beta1 share of the momentum in the step's direction, in [0, 1); the paper's 0.9
/// @param beta2 decay of the momentum, in [0, 1); the paper's 0.99
/// @param weightDecay decoupled decay per unit of learning rate, 0 or more
public record Lion(double beta1, double beta2, double weightDecay) implements UpdateRule {
  public Lion {
    Checks.within("Lion's beta1", beta1, 0, 1);
    Checks.within("Lion's beta2", beta2, 0, 1);
    Checks.within("Lion's weight decay", weightDecay, 0, Double.POSITIVE_INFINITY);
  }

  @Override
  public Need need() {
    return Need.ELEMENT;
  }

  @Override
  public List<StateSpec> state(Shape shape) {
    return List.of(new StateSpec("exp_avg", shape));
  }

  @Override
  public void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
    LionStep step =
        new LionStep(
            context.learningRate(),
            beta1,
            beta2,
            context.decayed() ? weightDecay : 0,
            context.gradientScale());
    context.backend().lion(step, parameter, gradient, state.get(0));
  }
}
