package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.Optional;

/// Layer normalisation. Without beta the backend adds zeros, and the gradient of those is thrown away.
final class LayerNormNode extends Node {
  private final Variable x;
  private final Parameter gamma;
  private final Optional<Parameter> beta;

  private LayerNormNode(
      Variable x,
      Parameter gamma,
      Optional<Parameter> beta,
      Variable y,
      SavedTensors.Handle... saved) {
    super(y, saved);
    this.x = x;
    this.gamma = gamma;
    this.beta = beta;
  }

  static Variable forward(
      Tape tape, Variable x, Parameter gamma, Optional<Parameter> beta, double epsilon) {
    tape.exchange().requireAllColumns("layer normalisation", x);
    tape.exchange().requireOwnRows(gamma, x.spread());
    Variable y = tape.output(x.spread(), x.dtype(), true, x.rows(), x.width());
    Variable mean = tape.output(x.dtype(), false, x.rows());
    Variable inverseDeviation = tape.output(x.dtype(), false, x.rows());
    Tensor shift =
        beta.map(Parameter::value).orElseGet(() -> tape.constants().zeros(x.dtype(), x.width()));
    tape.backend()
        .layerNorm(
            x.value(),
            gamma.value(),
            shift,
            epsilon,
            y.value(),
            mean.value(),
            inverseDeviation.value());
    if (tape.isTraining()) {
      SavedTensors.Handle input = tape.save(x.value().retain());
      SavedTensors.Handle first = tape.save(mean.take());
      SavedTensors.Handle second = tape.save(inverseDeviation.take());
      tape.record(new LayerNormNode(x, gamma, beta, y, input, first, second));
    } else {
      tape.release(mean);
      tape.release(inverseDeviation);
    }
    tape.release(x);
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    try (Tensor input = fetch(0);
        Tensor mean = fetch(1);
        Tensor inverseDeviation = fetch(2);
        Tensor dbeta = shiftGradient(backend)) {
      boolean accumulate = takeAccumulation(backend);
      Tensor dx = tape.reuseOrAllocate(dy);
      backend.layerNormBackward(
          input,
          gamma.value(),
          mean,
          inverseDeviation,
          dy,
          dx,
          gamma.gradient(),
          dbeta,
          accumulate);
      tape.contribute(x, dx);
    }
  }

  /// The gradient of beta, owned by the caller once.
  private Tensor shiftGradient(Backend backend) {
    if (beta.isPresent()) {
      return beta.get().gradient().retain();
    }
    Tensor scratch =
        backend.allocate(
            gamma.gradient().dtype(), Shape.of(gamma.shape().elements()), Category.WORKSPACE);
    // Backward may add to it, and a stray NaN would be a needless trap.
    backend.fill(scratch, 0);
    return scratch;
  }

  /// Whether both gradients are added to. The backend knows one answer for both, so a fresh gradient beside a running sum starts at zero.
  private boolean takeAccumulation(Backend backend) {
    boolean gammaFresh = gamma.takeGradientFresh();
    boolean betaFresh = beta.map(Parameter::takeGradientFresh).orElse(gammaFresh);
    if (gammaFresh && !betaFresh) {
      backend.fill(gamma.gradient(), 0);
    }
    if (betaFresh && !gammaFresh) {
      backend.fill(beta.orElseThrow().gradient(), 0);
    }
    return !(gammaFresh && betaFresh);
  }
}
