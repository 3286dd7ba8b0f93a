package dev.bellows.trainer;

import dev.bellows.nn.Precision;
import dev.bellows.trainer.config.RunConfig;
import java.math.BigDecimal;
import java.math.MathContext;

/// What a plan assumes of each worker's machine.
///
/// @param flops floating-point operations of whole training steps that a worker does in a second
/// @param bandwidth bytes that a worker sends in a second while it receives as many
/// @param source where the numbers come from
public record MachineProfile(double flops, double bandwidth, String source) {
  // 2.76e11 operations in 1.476 s (F32) and in 0.873 s (BF16) on two threads of an AMD EPYC:
  // benchmarks/results/engine-20261124-134744.json, from `bellows bench engine`.
  private static final double F32_PER_THREAD = 93e9;
  private static final double BF16_PER_THREAD = 158e9;

  // All-reduce of 16 MiB between two processes over shared memory, 4.9 to 5.5 GB/s.
  private static final double SHARED_MEMORY = 5e9;

  /// The machine on which this project is measured, with the threads and the precision of `config`; a number above 0 given instead replaces the one
  /// measured. Errors: [IllegalArgumentException] for a number below 0.
  public static MachineProfile of(RunConfig config, double gigaflops, double gigabytes) {
    if (!(gigaflops >= 0 && gigabytes >= 0)) {
      throw new IllegalArgumentException(
          "--gflops and --bandwidth must be above 0, not " + gigaflops + " and " + gigabytes);
    }
    boolean half = config.train().precision() != Precision.F32;
    double measured = config.workers().threads() * (half ? BF16_PER_THREAD : F32_PER_THREAD);
    double flops = gigaflops > 0 ? gigaflops * 1e9 : measured;
    double bandwidth = gigabytes > 0 ? gigabytes * 1e9 : SHARED_MEMORY;
    String processor =
        "`bellows bench engine` on an AMD EPYC in "
            + (half ? "bf16" : "f32")
            + ", "
            + config.workers().threads()
            + " of its threads";
    String source =
        shown(flops)
            + " GFLOP/s a worker ("
            + (gigaflops > 0 ? "given" : processor)
            + "), "
            + shown(bandwidth)
            + " GB/s sent by a worker ("
            + (gigabytes > 0
                ? "given"
                : "all-reduce of 16 MiB over shared memory on the same machine")
            + ")";
    return new MachineProfile(flops, bandwidth, source);
  }

  /// In units of 10⁹, to four digits.
  private static String shown(double value) {
    return BigDecimal.valueOf(value / 1e9)
        .round(new MathContext(4))
        .stripTrailingZeros()
        .toPlainString();
  }
}
