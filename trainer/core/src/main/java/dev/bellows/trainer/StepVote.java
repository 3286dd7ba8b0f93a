package dev.bellows.trainer;

import dev.bellows.parallelism.Collectives;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;

/// The exchange that ends a step: every rank learns every group's loss, that the gradients agree and are finite, and whether somebody was
/// asked to stop. Whoever received all votes may update.
final class StepVote {
  private static final int STOP = 0;
  private static final int SQUARED_NORM = 1;
  private static final int DATA_SECONDS = 2;
  private static final int COMMUNICATION_SECONDS = 3;
  private static final int MEMORY_PEAK = 4;
  private static final int LOSSES = 5;

  private final Collectives collectives;
  private final int groups;
  private final double[] mine;
  private double lastFiniteLoss = Double.NaN;
  private long lastFiniteStep;

  StepVote(Collectives collectives, int groups) {
    this.collectives = collectives;
    this.groups = groups;
    this.mine = new double[LOSSES + groups];
  }

  void setStop(boolean stop) {
    mine[STOP] = stop ? 1 : 0;
  }

  void setLoss(int group, double lossSum) {
    mine[LOSSES + group] = lossSum;
  }

  void setTimes(double dataSeconds, double communicationSeconds) {
    mine[DATA_SECONDS] = dataSeconds;
    mine[COMMUNICATION_SECONDS] = communicationSeconds;
  }

  void setMemoryPeak(long bytes) {
    mine[MEMORY_PEAK] = bytes;
  }

  /// Exchanges the votes. Returns the record of the step with `loss = lossScale · sum of all groups' losses`, added in group order. A norm
  /// that is not finite makes it a skipped step where the gradients `mayOverflow`. Errors: [BellowsException] NUMERIC when a loss, or the norm otherwise, is
  /// not finite; INTERNAL when the ranks' gradients differ.
  StepRecord exchange(
      long step, double squaredNorm, double lossScale, double learningRate, boolean mayOverflow) {
    mine[SQUARED_NORM] = squaredNorm;
    double[][] votes = collectives.allGather(mine);
    double loss = 0;
    for (int group = 0; group < groups; group++) {
      for (int rank = 0; rank < votes.length; rank++) {
        double groupLoss = votes[rank][LOSSES + group];
        loss += groupLoss;
        if (!Double.isFinite(groupLoss)) {
          throw notFinite("the loss", step, groupLoss, " (rank " + rank + ", group " + group + ")");
        }
      }
    }
    loss *= lossScale;
    for (double[] vote : votes) {
      if (Double.doubleToLongBits(vote[SQUARED_NORM]) != Double.doubleToLongBits(squaredNorm)) {
        throw new BellowsException(
            ErrorCategory.INTERNAL,
            "the ranks hold different gradients after the reduction of step "
                + step
                + ", which must never happen; please report this with the run folder");
      }
    }
    boolean finite = Double.isFinite(squaredNorm);
    if (!finite && !mayOverflow) {
      throw notFinite("the gradient norm", step, squaredNorm, " (all ranks)");
    }
    if (finite) {
      lastFiniteLoss = loss;
      lastFiniteStep = step;
    }
    return new StepRecord(
        loss,
        Math.sqrt(squaredNorm),
        learningRate,
        max(votes, STOP) > 0,
        max(votes, DATA_SECONDS),
        max(votes, COMMUNICATION_SECONDS),
        (long) max(votes, MEMORY_PEAK),
        !finite);
  }

  private BellowsException notFinite(String what, long step, double value, String where) {
    String last =
        lastFiniteStep == 0
            ? "no step of this attempt was finite"
            : "the last finite step was " + lastFiniteStep + " with loss " + lastFiniteLoss;
    return new BellowsException(
        ErrorCategory.NUMERIC,
        what
            + " became "
            + value
            + " at step "
            + step
            + where
            + "; "
            + last
            + "; lower optimizer.learningRate, set optimizer.clip, or check the data");
  }

  private static double max(double[][] votes, int field) {
    double max = 0;
    for (double[] vote : votes) {
      max = Math.max(max, vote[field]);
    }
    return max;
  }
}
