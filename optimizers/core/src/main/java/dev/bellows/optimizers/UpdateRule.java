package dev.bellows.optimizers;

import dev.bellows.tensor.Tensor;
import java.util.List;

/// How a gradient changes a parameter and the state kept beside it. Immutable and thread-safe; the state belongs to an [Optimizer].
public interface UpdateRule {
  /// What the rule must see at once.
  Need need();

  /// Names of the state tensors, each as large as the parameter and 0 before the first step; checkpoints keep them under these names.
  List<String> stateNames();

  /// Updates `parameter` and `state` in place.
  ///
  /// Shapes: `parameter`, `gradient` and each of `state` are alike. A rule of [Need#ELEMENT] is given flat runs of several
  /// neighbouring parameters with their zero padding, which it must leave at zero where parameter, gradient and state are zero; another rule
  /// is given one parameter of its logical shape at a time. `gradient` is read only. `state` is ordered like [#stateNames].
  void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state);
}
