package dev.bellows.optimizers;

import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// Stochastic gradient descent with momentum, as torch.optim.SGD without dampening; the exact formula stands at [SgdStep].
///
/// @param momentum factor on the momentum buffer, in [0, 1)
/// @param nesterov whether the step looks ahead along the momentum (Sutskever et al. 2013); needs a momentum above 0
/// @param weightDecay coupled decay, added to the gradient, 0 or more
public record Sgd(double momentum, boolean nesterov, double weightDecay) implements UpdateRule {
  public Sgd {
    Checks.within("SGD's momentum", momentum, 0, 1);
    Checks.within("SGD's weight decay", weightDecay, 0, Double.POSITIVE_INFINITY);
    if (nesterov && momentum == 0) {
      throw new IllegalArgumentException("SGD with nesterov needs a momentum above 0");
    }
  }

  @Override
  public Need need() {
    return Need.ELEMENT;
  }

  @Override
  public List<StateSpec> state(Shape shape) {
    return List.of(new StateSpec("momentum_buffer", shape));
  }

  @Override
  public void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
    SgdStep step =
        new SgdStep(
            context.learningRate(),
            momentum,
            nesterov,
            context.decayed() ? weightDecay : 0,
            context.gradientScale(),
            context.step());
    context.backend().sgd(step, parameter, gradient, state.get(0));
  }
}
