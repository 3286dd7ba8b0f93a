package dev.bellows.tensor;

/// What is added to the cross-entropy of a row in training. With x the logits of a row over V classes, t its target and l = log(sum of exp(x)):
/// `l - (1 - labelSmoothing) · x[t] - labelSmoothing · avg(x) + zLoss · l²`.
///
/// @param labelSmoothing share of the target that is spread evenly over all classes, 0 to below 1 (Szegedy et al. 2016)
/// @param zLoss factor of l², which keeps the logits near 0, at least 0 (Chowdhery et al. 2022)
public record Loss(double labelSmoothing, double zLoss) {
  /// Cross-entropy and nothing else.
  public static final Loss PLAIN = new Loss(0, 0);

  public Loss {
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)
        || !(zLoss >= 0 && zLoss < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "a loss needs a label smoothing in [0, 1) and a z-loss of at least 0, not "
              + labelSmoothing
              + " and "
              + zLoss);
    }
  }

  /// Whether nothing is added.
  public boolean isPlain() {
    return labelSmoothing == 0 && zLoss == 0;
  }
}
