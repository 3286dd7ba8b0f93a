package dev.bellows.optimizers;

/// The beginning that all schedules share.
final class Warmup {
  private Warmup() {}

  /// Whether `step` belongs to a warm-up of `warmup` steps.
  static boolean covers(long step, long warmup) {
    Checks.atLeast("a schedule's step", step, 0);
    return step < warmup;
  }

  static double at(long step, long warmup, double peak) {
    return peak * (step + 1) / (warmup + 1);
  }
}
