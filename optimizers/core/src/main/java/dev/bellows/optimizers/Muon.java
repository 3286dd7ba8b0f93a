package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// Momentum whose matrix is orthogonalised before the step (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"), with the
/// semantics of torch.optim.Muon (torch 2.9 and later) under `adjust_lr_fn="match_rms_adamw"`.
///
/// Step t of a matrix [M, N] with gradient g: buf = μ·buf + (1 - μ)·g; u = (1 - μ)·g + μ·buf with Nesterov, else buf; O = NewtonSchulz(u); p = p·(1 -
/// lr·weightDecay) - 0.2·√max(M, N)·lr·O. The factor 0.2·√max(M, N) gives O the root mean square of an AdamW update (Liu et al. 2025, "Muon is
/// scalable for LLM training"), so that one learning rate serves both rules. The iteration runs in the parameter's dtype, torch's in BF16.
///
/// For matrices only: vectors, embeddings and heads belong to another rule. A parameter of more than two dims is the matrix of its first dim by
/// the others, as a convolution's kernel.
///
/// @param momentum μ, in [0, 1); 0.95
/// @param nesterov whether the step looks ahead along the momentum
/// @param weightDecay decoupled decay per unit of learning rate, 0 or more
public record Muon(double momentum, boolean nesterov, double weightDecay) implements UpdateRule {
  private static final double ADAMW_SIZE = 0.2;

  public Muon {
    Checks.within("Muon's momentum", momentum, 0, 1);
    Checks.within("Muon's weight decay", weightDecay, 0, Double.POSITIVE_INFINITY);
  }

  @Override
  public Need need() {
    return Need.MATRIX;
  }

  @Override
  public List<StateSpec> state(Shape shape) {
    if (shape.rank() < 2) {
      throw new IllegalArgumentException(
          "Muon updates matrices; a parameter of shape " + shape + " needs another rule");
    }
    return List.of(new StateSpec("momentum_buffer", shape));
  }

  @Override
  public long workspaceElements(Shape shape) {
    long m = shape.dim(0);
    long n = m == 0 ? 0 : shape.elements() / m;
    return 2 * shape.elements() + NewtonSchulz.workspaceElements(m, n);
  }

  @Override
  public void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
    if (parameter.elements() == 0) {
      return;
    }
    Backend backend = context.backend();
    long m = parameter.shape().dim(0);
    long n = parameter.elements() / m;
    try (Tensor update = backend.allocate(parameter.dtype(), Shape.of(m, n), Category.WORKSPACE)) {
      direction(context, gradient.view(m, n), state.get(0).view(m, n), update);
      NewtonSchulz.orthogonalize(backend, update);
      if (context.decayed() && weightDecay != 0) {
        backend.scale(parameter, 1 - context.learningRate() * weightDecay);
      }
      backend.scale(update, -context.learningRate() * ADAMW_SIZE * Math.sqrt(Math.max(m, n)));
      Tensor matrix = parameter.view(m, n);
      backend.add(matrix, update, matrix);
    }
  }

  /// Moves `buffer` and leaves the direction in `update`.
  private void direction(UpdateContext context, Tensor gradient, Tensor buffer, Tensor update) {
    Backend backend = context.backend();
    backend.copy(gradient, update);
    backend.scale(update, (1 - momentum) * context.gradientScale());
    backend.scale(buffer, momentum);
    backend.add(buffer, update, buffer);
    if (!nesterov) {
      backend.copy(buffer, update);
      return;
    }
    try (Tensor ahead = backend.allocate(buffer.dtype(), buffer.shape(), Category.WORKSPACE)) {
      backend.copy(buffer, ahead);
      backend.scale(ahead, momentum);
      backend.add(update, ahead, update);
    }
  }
}
