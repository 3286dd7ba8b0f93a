package dev.bellows.benchmarks;

import static dev.bellows.benchmarks.TrainingSide.BETA1;
import static dev.bellows.benchmarks.TrainingSide.BETA2;
import static dev.bellows.benchmarks.TrainingSide.EPSILON;
import static dev.bellows.benchmarks.TrainingSide.LEARNING_RATE;
import static dev.bellows.benchmarks.TrainingSide.WEIGHT_DECAY;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.OptimizerParamGroup;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// AdamW over libtorch tensors, either libtorch's C++ optimizer or its fused kernel.
///
/// The C++ optimizer is a dozen passes over memory; `torch.optim.AdamW(fused=True)` is one, but its operator has no C++ optimizer around
/// it and no binding, so it is called through a line of TorchScript.
interface LibtorchAdamW {
  /// A weight and whether it decays.
  record Entry(Tensor tensor, boolean isDecayed) {}

  /// One update from the gradients of the weights.
  void step();

  /// Drops the gradients, so that the next backward pass writes instead of adding.
  void clearGradients();

  /// `torch::optim::AdamW` with a group that decays and one that does not.
  static LibtorchAdamW plain(List<Entry> weights) {
    AdamW adamW = new AdamW(tensors(weights, true), options(WEIGHT_DECAY));
    adamW.add_param_group(new OptimizerParamGroup(tensors(weights, false), options(0)));
    return new LibtorchAdamW() {
      @Override
      public void step() {
        adamW.step();
      }

      @Override
      public void clearGradients() {
        adamW.zero_grad(true);
      }
    };
  }

  private static TensorVector tensors(List<Entry> weights, boolean decayed) {
    return new TensorVector(
        weights.stream()
            .filter(entry -> entry.isDecayed() == decayed)
            .map(Entry::tensor)
            .toArray(Tensor[]::new));
  }

  private static AdamWOptions options(double weightDecay) {
    AdamWOptions options = new AdamWOptions(LEARNING_RATE);
    // The pointer is into a std::tuple, whose members the C++ library lays out backwards: find them
    // by their defaults.
    int first = options.betas().get(0) == 0.9 ? 0 : 1;
    options.betas().put(first, BETA1);
    options.betas().put(1 - first, BETA2);
    options.eps().put(EPSILON);
    options.weight_decay().put(weightDecay);
    return options;
  }

  /// `_fused_adamw_`, called for each weight.
  static LibtorchAdamW fused(List<Entry> weights) {
    return new Fused(weights);
  }

  /// The fused kernel with its moments.
  final class Fused implements LibtorchAdamW {
    // The list is returned because TorchScript drops an operator whose only effect is on the
    // elements of a local list.
    private static final String SCRIPT =
        """
        def step(p: Tensor, g: Tensor, m: Tensor, v: Tensor, t: Tensor, decay: float):
            updated = [p]
            torch._fused_adamw_(updated, [g], [m], [v], [], [t], lr=%s, beta1=%s, beta2=%s, weight_decay=decay, eps=%s, amsgrad=False, maximize=False)
            return updated
        """
            .formatted(LEARNING_RATE, BETA1, BETA2, EPSILON);

    private record State(
        Tensor weight, Tensor detached, Tensor first, Tensor second, boolean isDecayed) {}

    private final CompilationUnit unit = torch.compile(SCRIPT);
    private final Function function = unit.get_function(new QualifiedName("step"));
    private final List<State> states = new ArrayList<>();
    private final Tensor steps = Tensor.create(new float[] {0}, new long[0]);

    private Fused(List<Entry> weights) {
      try (NoGradGuard guard = new NoGradGuard()) {
        for (Entry entry : weights) {
          Tensor detached = entry.tensor().detach();
          states.add(
              new State(
                  entry.tensor(),
                  detached,
                  torch.zeros_like(detached),
                  torch.zeros_like(detached),
                  entry.isDecayed()));
        }
      }
    }

    @Override
    public void step() {
      try (PointerScope scope = new PointerScope();
          NoGradGuard guard = new NoGradGuard()) {
        steps.add_(new Scalar(1.0f));
        for (State state : states) {
          IValueVector arguments =
              new IValueVector(
                  new IValue(state.detached),
                  new IValue(state.weight.grad()),
                  new IValue(state.first),
                  new IValue(state.second),
                  new IValue(steps),
                  new IValue(state.isDecayed ? WEIGHT_DECAY : 0.0));
          function.apply(arguments);
        }
      }
    }

    @Override
    public void clearGradients() {
      try (PointerScope scope = new PointerScope()) {
        states.forEach(state -> state.weight.mutable_grad().reset());
      }
    }
  }
}
