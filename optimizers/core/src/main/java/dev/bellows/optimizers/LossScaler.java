package dev.bellows.optimizers;

/// The factor on the loss that keeps small gradients representable in F16 (Micikevicius et al. 2018), found by trial: doubled after a number of good
/// steps in a row, halved when a gradient is no longer finite, whose step is then left out. The rule of torch.amp.GradScaler.
///
/// The scale is a power of two, so it changes no bit of a gradient that neither overflows nor underflows. It is from 1 to 2⁶⁴; what overflows
/// at 1 is not the scale's fault. Every rank has its own, told of the same steps in the same order. Threads: one at a time.
public final class LossScaler {
  /// Behind it even F32 overflows.
  private static final double LARGEST = 0x1p64;

  private static final LossScaler OFF = new LossScaler(new State(1, 0, 0), Long.MAX_VALUE, false);

  private final long growthInterval;
  private final boolean on;
  private State state;

  /// What a resume needs.
  ///
  /// @param scale of the next step
  /// @param goodSteps since the last change of the scale
  /// @param skipped steps left out since the run's start
  public record State(double scale, long goodSteps, long skipped) {
    public State {
      if (!isScale(scale)) {
        throw new IllegalArgumentException(
            "a loss scale is " + scale + "; it must be a power of two from 1 to 2^64");
      }
      Checks.atLeast("the loss scale's good steps", goodSteps, 0);
      Checks.atLeast("the loss scale's skipped steps", skipped, 0);
    }
  }

  private LossScaler(State state, long growthInterval, boolean on) {
    Checks.atLeast("the loss scale's growth interval", growthInterval, 1);
    this.state = state;
    this.growthInterval = growthInterval;
    this.on = on;
  }

  /// A scaler that begins with `initial` and doubles after `growthInterval` good steps.
  public static LossScaler dynamic(double initial, long growthInterval) {
    return new LossScaler(new State(initial, 0, 0), growthInterval, true);
  }

  /// No scaling: the scale is 1 for ever.
  public static LossScaler off() {
    return OFF;
  }

  /// Whether `value` can be a loss scale: a power of two from 1 to 2⁶⁴.
  public static boolean isScale(double value) {
    return value >= 1 && value <= LARGEST && value == Math.scalb(1.0, Math.getExponent(value));
  }

  /// Whether this scaler scales at all.
  public boolean isOn() {
    return on;
  }

  /// Factor on the loss of the next step.
  public double scale() {
    return state.scale();
  }

  /// Whether an overflow of the next step is answered by a smaller scale.
  public boolean canBackOff() {
    return on && state.scale() > 1;
  }

  /// Steps left out since the run's start.
  public long skipped() {
    return state.skipped();
  }

  /// Takes note of the step just computed: whether all its gradients were finite.
  public void record(boolean finite) {
    if (!on) {
      return;
    }
    if (!finite) {
      state = new State(Math.max(1, state.scale() / 2), 0, state.skipped() + 1);
    } else if (state.goodSteps() + 1 >= growthInterval && state.scale() < LARGEST) {
      state = new State(state.scale() * 2, 0, state.skipped());
    } else {
      state = new State(state.scale(), state.goodSteps() + 1, state.skipped());
    }
  }

  /// What a checkpoint keeps.
  public State state() {
    return state;
  }

  /// Goes on from a checkpoint's state. Errors: [IllegalStateException] when this scaler is off.
  public void restore(State saved) {
    if (!on) {
      throw new IllegalStateException("loss scaling is off and keeps no state");
    }
    state = saved;
  }
}
