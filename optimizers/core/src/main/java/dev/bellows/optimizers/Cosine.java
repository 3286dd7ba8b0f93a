package dev.bellows.optimizers;

/// Half a cosine from `peak` down to `floor` (Loshchilov and Hutter 2017, without restarts), as nanoGPT has it.
///
/// With W = `warmup` and S = `steps`, step s of W ≤ s < S has the rate floor + (peak - floor) · (1 + cos(π · (s - W) / (S - W))) / 2; from step S on
/// it is `floor`. A run of S steps (0 to S - 1) thus ends one step above the floor.
///
/// @param peak highest learning rate, above 0
/// @param floor last learning rate, from 0 to `peak`
/// @param warmup steps of linear growth, 0 or more
/// @param steps length with the warm-up, at least `warmup` and 1
public record Cosine(double peak, double floor, long warmup, long steps) implements Schedule {
  public Cosine {
    Checks.positive("the schedule's peak", peak);
    Checks.floor(floor, peak);
    Checks.atLeast("the schedule's warm-up", warmup, 0);
    Checks.atLeast("the schedule's length in steps (warm-up included)", steps, Math.max(1, warmup));
  }

  @Override
  public double at(long step) {
    if (Warmup.covers(step, warmup)) {
      return Warmup.at(step, warmup, peak);
    }
    if (step >= steps) {
      return floor;
    }
    double progress = (double) (step - warmup) / (steps - warmup);
    // StrictMath: each member of a run computes the rate by itself and must come to the same bits.
    return floor + (peak - floor) * (1 + StrictMath.cos(Math.PI * progress)) / 2;
  }
}
