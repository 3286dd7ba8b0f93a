package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// `_fused_adamw_`, the kernel of `torch.optim.AdamW(fused=True)`: one pass over memory for each weight.
///
/// Its operator has no C++ optimizer around it and no binding, so it is called through a line of TorchScript.
final class LibtorchFusedAdamW implements LibtorchOptimizer {
  // The list is returned because TorchScript drops an operator whose only effect is on the
  // elements of a local list.
  private static final String SCRIPT =
      """
      def step(p: Tensor, g: Tensor, m: Tensor, v: Tensor, t: Tensor, decay: float):
          updated = [p]
          torch._fused_adamw_(updated, [g], [m], [v], [], [t], lr=%s, beta1=%s, beta2=%s, weight_decay=decay, eps=%s, amsgrad=False, maximize=False)
          return updated
      """;

  private record State(
      Tensor weight, Tensor detached, Tensor first, Tensor second, boolean isDecayed) {}

  private final double weightDecay;
  private final CompilationUnit unit;
  private final Function function;
  private final List<State> states = new ArrayList<>();
  private final Tensor steps = Tensor.create(new float[] {0}, new long[0]);

  LibtorchFusedAdamW(Update.AdamW update, List<Entry> weights) {
    weightDecay = update.weightDecay();
    unit =
        torch.compile(
            SCRIPT.formatted(
                update.learningRate(), update.beta1(), update.beta2(), update.epsilon()));
    function = unit.get_function(new QualifiedName("step"));
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
                new IValue(state.isDecayed ? weightDecay : 0.0));
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
