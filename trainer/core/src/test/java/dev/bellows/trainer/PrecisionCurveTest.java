package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.nio.file.Path;
import java.util.DoubleSummaryStatistics;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// BF16 training ends where F32 training ends: at every evaluation its mean loss over five seeds lies within the spread of five F32 runs.
@Tag("full")
class PrecisionCurveTest {
  private static final int SEEDS = 5;
  private static final int EVALUATIONS = 4;

  @TempDir Path folder;

  @Test
  void bf16StaysWithinTheSpreadOfF32Seeds() {
    try (Backend cpu = Backends.open("cpu", BackendOptions.threads(1))) {
      assumeTrue(cpu.productTypes().contains(DType.BF16), "this processor has no products of BF16");
    }
    DoubleSummaryStatistics[] wide = losses("f32");
    DoubleSummaryStatistics[] half = losses("bf16");
    for (int i = 0; i < EVALUATIONS; i++) {
      double mean = half[i].getAverage();
      assertTrue(
          wide[i].getMin() <= mean && mean <= wide[i].getMax(),
          "evaluation " + i + ": the mean of bf16 is " + mean + ", f32 gave " + wide[i]);
    }
  }

  /// Validation losses of all seeds, by evaluation.
  private DoubleSummaryStatistics[] losses(String precision) {
    DoubleSummaryStatistics[] statistics = new DoubleSummaryStatistics[EVALUATIONS];
    for (int i = 0; i < EVALUATIONS; i++) {
      statistics[i] = new DoubleSummaryStatistics();
    }
    for (int seed = 1; seed <= SEEDS; seed++) {
      LocalRun.Ended ended =
          LocalRun.gpt(folder.resolve(precision + seed))
              .with(
                  "seed=" + seed,
                  "train.precision=" + precision,
                  "train.steps=200",
                  "evaluate.every=50",
                  "model.width=32",
                  "workers.count=1")
              .run();
      assertEquals(Outcome.FINISHED, ended.report().outcome(), ended.printed());
      for (int i = 0; i < EVALUATIONS; i++) {
        statistics[i].accept(loss(ended.history().evaluations().get(i)));
      }
    }
    return statistics;
  }

  private static double loss(String evaluation) {
    return Double.parseDouble(evaluation.replaceFirst(".*loss ([^,]+),.*", "$1"));
  }
}
