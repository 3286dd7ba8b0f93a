package dev.bellows.optimizers;

import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;

/// How a gradient changes a parameter and the state kept beside it. Immutable and thread-safe; the state belongs to an [Optimizer].
public interface UpdateRule {
  /// What the rule must see at once.
  Need need();

  /// The state kept for a parameter of `shape`. States of a rule of [Need#ELEMENT] have the parameter's own shape. Errors:
  /// [IllegalArgumentException] when the rule cannot update a parameter of this shape.
  List<StateSpec> state(Shape shape);

  /// Elements of scratch memory that [#apply] takes and gives back while it updates a parameter of `shape`.
  default long workspaceElements(Shape shape) {
    return 0;
  }

  /// Updates `parameter` and `state` in place.
  ///
  /// Shapes: `parameter` and `gradient` are alike; `state` is as [#state] declares, in its order. A rule of [Need#ELEMENT] is given flat runs of
  /// several neighbouring parameters with their zero padding, which it must leave at zero where parameter, gradient and state are zero; another rule
  /// is given one parameter of its logical shape at a time. `gradient` is read only.
  void apply(UpdateContext context, Tensor parameter, Tensor gradient, List<Tensor> state);
}
