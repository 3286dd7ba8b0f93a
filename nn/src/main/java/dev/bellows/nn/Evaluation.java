package dev.bellows.nn;

/// How well a model does on some rows of logits.
///
/// @param lossSum cross-entropy in nats, summed over the rows in FP64
/// @param rows rows with a target
/// @param correct rows whose largest logit is the target's; among equal logits the lowest class counts as the largest
public record Evaluation(double lossSum, long rows, long correct) {
  /// Nothing evaluated yet.
  public static final Evaluation NONE = new Evaluation(0, 0, 0);

  /// Both together.
  public Evaluation plus(Evaluation other) {
    return new Evaluation(lossSum + other.lossSum, rows + other.rows, correct + other.correct);
  }

  /// Mean cross-entropy of a row in nats; NaN without rows.
  public double meanLoss() {
    return lossSum / rows;
  }

  /// Share of correct rows, 0 to 1; NaN without rows.
  public double accuracy() {
    return (double) correct / rows;
  }
}
