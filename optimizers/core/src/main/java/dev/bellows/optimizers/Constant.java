package dev.bellows.optimizers;

/// Stays at `peak` after the warm-up, for ever.
///
/// @param peak the learning rate, above 0
/// @param warmup steps of linear growth, 0 or more
public record Constant(double peak, long warmup) implements Schedule {
  public Constant {
    Checks.positive("the schedule's peak", peak);
    Checks.atLeast("the schedule's warm-up", warmup, 0);
  }

  @Override
  public double at(long step) {
    return Warmup.covers(step, warmup) ? Warmup.at(step, warmup, peak) : peak;
  }
}
