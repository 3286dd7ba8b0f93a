package dev.bellows.nn;

import java.util.List;

/// Takes finished gradients from a [GradientEstimator]. Owns reduce, clip, finite check and the optimizer's step, and is the only
/// caller of that step.
public interface GradientSink {
  /// The store's gradients hold the sum of group `group`, its tied uses apart. `lossSum` is the FP64 sum of the group's row losses, not yet scaled. The sink
  /// folds the gradients into this rank's partial sums; afterwards they may be overwritten.
  void endGroup(int group, double lossSum);

  /// No further group of this step contributes to `parameters` on this rank.
  void ready(List<Parameter> parameters);
}
