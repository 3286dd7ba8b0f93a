package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/// Adam without momentum whose second moment is kept as row and column means (Shazeer and Stern 2018, algorithms 4 and 5), with the
/// semantics of torch.optim.Adafactor (torch 2.5 and later).
///
/// Step t of a matrix with gradient G [M, N]: w = t^beta2Decay (the paper's 1 - β̂₂); R[m] += w·(mean over n of G² - R[m]), C[n] likewise; V = R Cᵀ /
/// max(mean(R), ε₁); U = G / sqrt(max(V, ε₁²)); X = X·(1 - lr·weightDecay) - α·U / max(1, RMS(U) / d), where α = max(ε₂, RMS(X before)) · min(lr, 1/√t),
/// or lr alone without the relative step. A vector keeps V itself. A parameter of more dims is a row of matrices, its last two dims. RMS is the
/// root of the mean square over the whole parameter, from FP64 block sums.
///
/// @param beta2Decay exponent of the second moment's weight, below 0; -0.8
/// @param epsilon ε₁, least root of the second moment; torch takes the dtype's distance from 1 to the next number, 2⁻²³
/// @param minimumScale ε₂, least scale of a parameter; 0.001
/// @param updateClip d, largest root mean square of an update, above 0; 1
/// @param relativeStep whether steps shrink with 1/√t and grow with the parameter; false takes the learning rate as it is
/// @param weightDecay decoupled decay per unit of learning rate, 0 or more
public record Adafactor(
    double beta2Decay,
    double epsilon,
    double minimumScale,
    double updateClip,
    boolean relativeStep,
    double weightDecay)
    implements UpdateRule {
  public Adafactor {
    Checks.within("Adafactor's beta2 decay", beta2Decay, Double.NEGATIVE_INFINITY, 0);
    // Its square must not vanish in F32: a gradient of 0 would be divided by 0.
    Checks.within("Adafactor's epsilon", epsilon, 1e-18, 1);
    Checks.positive("Adafactor's minimum scale", minimumScale);
    Checks.positive("Adafactor's update clip", updateClip);
    Checks.within("Adafactor's weight decay", weightDecay, 0, Double.POSITIVE_INFINITY);
  }

  @Override
  public Need need() {
    return Need.STATISTICS;
  }

  /// Torch's names. Shapes: for a parameter [..., M, N] `row_var` [..., M] and `col_var` [..., N].
  @Override
  public List<StateSpec> state(Shape shape) {
    if (shape.rank() < 2) {
      return List.of(new StateSpec("variance", shape));
    }
    long[] dims = shape.dims();
    long[] outer = Arrays.copyOf(dims, dims.length - 2);
    long[] rows = Arrays.copyOf(dims, dims.length - 1);
    long[] columns =
        LongStream.concat(Arrays.stream(outer), LongStream.of(shape.dim(-1))).toArray();
    return List.of(
        new StateSpec("row_var", Shape.of(rows)), new StateSpec("col_var", Shape.of(columns)));
  }

  @Override
  public long workspaceElements(Shape shape) {
    return shape.elements();
  }

  @Override
  public void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state) {
    long elements = parameter.elements();
    if (elements == 0) {
      return;
    }
    Backend backend = context.backend();
    double rate = rate(context, parameter);
    if (context.decayed() && weightDecay != 0) {
      backend.scale(parameter, 1 - context.learningRate() * weightDecay);
    }
    try (Tensor update =
        backend.allocate(parameter.dtype(), parameter.shape(), Category.WORKSPACE)) {
      if (parameter.shape().rank() < 2) {
        vectorUpdate(context, gradient, state.get(0), update);
      } else {
        matrixUpdate(context, gradient, state, update);
      }
      double size = Math.sqrt(backend.squaredNorm(update) / elements);
      backend.scale(update, -rate / Math.max(1, size / updateClip));
      backend.add(parameter, update, parameter);
    }
  }

  private double rate(UpdateContext context, Tensor parameter) {
    if (!relativeStep) {
      return context.learningRate();
    }
    double size = Math.sqrt(context.backend().squaredNorm(parameter) / parameter.elements());
    double step = Math.min(context.learningRate(), 1 / Math.sqrt(context.step()));
    return Math.max(minimumScale, size) * step;
  }

  /// StrictMath: each member of a run computes the weight by itself and must come to the same bits.
  private double weight(UpdateContext context) {
    return StrictMath.pow(context.step(), beta2Decay);
  }

  private void matrixUpdate(
      UpdateContext context, Tensor gradient, List<Tensor> state, Tensor update) {
    Backend backend = context.backend();
    long m = gradient.shape().dim(-2);
    long n = gradient.shape().dim(-1);
    for (long i = 0; i < gradient.elements() / (m * n); i++) {
      Tensor g = gradient.slice(i * m * n, m, n);
      Tensor rows = state.get(0).slice(i * m, m);
      Tensor columns = state.get(1).slice(i * n, n);
      backend.factoredMoments(context.gradientScale(), weight(context), g, rows, columns);
      backend.factoredUpdate(
          context.gradientScale(),
          Math.max(backend.sum(rows) / m, epsilon),
          epsilon * epsilon,
          g,
          rows,
          columns,
          update.slice(i * m * n, m, n));
    }
  }

  /// A vector is a matrix of one row whose own mean is left out: its columns' means are the squares themselves.
  private void vectorUpdate(
      UpdateContext context, Tensor gradient, Tensor variance, Tensor update) {
    Backend backend = context.backend();
    long n = gradient.elements();
    try (Tensor row = backend.allocate(gradient.dtype(), Shape.of(1), Category.WORKSPACE)) {
      Tensor columns = variance.view(n);
      backend.fill(row, 1);
      backend.factoredMoments(
          context.gradientScale(), weight(context), gradient.view(1, n), row, columns);
      backend.fill(row, 1);
      backend.factoredUpdate(
          context.gradientScale(),
          1,
          epsilon * epsilon,
          gradient.view(1, n),
          row,
          columns,
          update.view(1, n));
    }
  }
}
