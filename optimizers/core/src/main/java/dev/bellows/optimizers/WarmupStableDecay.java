package dev.bellows.optimizers;

/// Warm-up, stable, decay (Hu et al. 2024, MiniCPM) with a linear decay (Hägele et al. 2024).
///
/// With S = `steps` and D = `decay`, the rate is `peak` from the warm-up to step S - D; step s of S - D ≤ s < S has
/// peak - (peak - floor) · (s - (S - D)) / D; from step S on it is `floor`. A run of S steps (0 to S - 1) thus ends one step above the floor.
///
/// @param peak highest learning rate, above 0
/// @param floor last learning rate, from 0 to `peak`
/// @param warmup steps of linear growth, 0 or more
/// @param decay steps of linear fall, 1 or more
/// @param steps length of all three phases, at least `warmup` + `decay`
public record WarmupStableDecay(double peak, double floor, long warmup, long decay, long steps)
    implements Schedule {
  public WarmupStableDecay {
    Checks.positive("the schedule's peak", peak);
    Checks.floor(floor, peak);
    Checks.atLeast("the schedule's warm-up", warmup, 0);
    Checks.atLeast("the schedule's decay", decay, 1);
    Checks.atLeast(
        "the schedule's length in steps (warm-up and decay included)",
        steps,
        Math.addExact(warmup, decay));
  }

  @Override
  public double at(long step) {
    if (Warmup.covers(step, warmup)) {
      return Warmup.at(step, warmup, peak);
    }
    if (step >= steps) {
      return floor;
    }
    long fallen = Math.max(0, step - (steps - decay));
    return peak - (peak - floor) * fallen / decay;
  }
}
