package dev.bellows.trainer.config;

/// Section `schedule`: the learning rate over the steps. A key that belongs to another kind keeps its default.
///
/// @param kind `cosine` (default), `wsd` or `constant`
/// @param warmup steps of linear growth from 0 at the start; default 0
/// @param decay steps of linear fall at the end, 1 or more (wsd)
/// @param floor the last value as a fraction of the learning rate, from 0 to 1; default 0.1 (cosine, wsd)
/// @param steps length of the schedule in steps; `train.steps` when left out or 0. It stays when a run is stopped early or resumed, so that
///     the curve stays too
public record ScheduleSection(
    @Default("cosine") Kind kind,
    @Default("0") long warmup,
    @ForKind("wsd") long decay,
    @ForKind({"cosine", "wsd"}) @Default("0.1") double floor,
    @Default("0") long steps) {
  /// The shapes of the curve after warm-up.
  public enum Kind {
    /// Stays at the learning rate.
    CONSTANT,
    /// Half a cosine down to the floor (Loshchilov and Hutter 2017).
    COSINE,
    /// Warm-up, stable, decay: stays, then falls to the floor over the last `decay` steps (Hu et al. 2024).
    WSD
  }

  public ScheduleSection {
    Check.atLeast("schedule.warmup", warmup, 0);
    Check.atLeast("schedule.decay", decay, kind == Kind.WSD ? 1 : 0);
    Check.that(
        floor >= 0 && floor <= 1,
        "schedule.floor",
        "schedule.floor is " + floor + "; it must be from 0 to 1");
    Check.atLeast("schedule.steps", steps, 0);
    long needed = kind == Kind.WSD ? warmup + decay : warmup;
    Check.that(
        steps == 0 || steps >= needed,
        "schedule.steps",
        "schedule.steps is "
            + steps
            + ", but warm-up"
            + (kind == Kind.WSD ? " and decay alone take " : " alone takes ")
            + needed
            + " steps; shorten them or raise schedule.steps or train.steps");
  }

  /// The same schedule over `steps` steps.
  ScheduleSection withSteps(long steps) {
    return new ScheduleSection(kind, warmup, decay, floor, steps);
  }
}
