package dev.bellows.optimizers;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019); the exact formula stands at [AdamWStep].
///
/// @param beta1 decay of the first moment, in [0, 1)
/// @param beta2 decay of the second moment, in [0, 1)
/// @param epsilon added to the root of the second moment, above 0
/// @param weightDecay decoupled decay per unit of learning rate, 0 or more
public record AdamW(double beta1, double beta2, double epsilon, double weightDecay)
    implements UpdateRule {
  public AdamW {
    Checks.within("AdamW's beta1", beta1, 0, 1);
    Checks.within("AdamW's beta2", beta2, 0, 1);
    // With 0 the zeros of the padding would become 0 / 0.
    Checks.positive("AdamW's epsilon", epsilon);
    Checks.within("AdamW's weight decay", weightDecay, 0, Double.POSITIVE_INFINITY);
  }

  @Override
  public Need need() {
    return Need.ELEMENT;
  }

  /// Torch's names, so that exported states are found where others look for them.
  @Override
  public List<StateSpec> state(Shape shape) {
    return List.of(new StateSpec("exp_avg", shape), new StateSpec("exp_avg_sq", shape));
  }

  @Override
  public void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
    AdamWStep step =
        new AdamWStep(
            context.learningRate(),
            beta1,
            beta2,
            epsilon,
            context.decayed() ? weightDecay : 0,
            context.gradientScale(),
            context.step());
    context.backend().adamW(step, parameter, gradient, state.get(0), state.get(1));
  }
}
