package dev.bellows.trainer;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.data.Dataset;
import dev.bellows.trainer.data.ValidationLoader;

/// The loss on held-out samples, shared by the ranks: rank r takes batches r, r + world, …; the batches' sums are added in batch order, so
/// the result has the same bits at every world size.
final class Validation {
  private static final int FIELDS = 3;
  private static final int EXCHANGE = 256 * FIELDS;

  private final Evaluator evaluator;
  private final ValidationLoader loader;
  private final Collectives collectives;
  private final int rank;
  private final int world;

  /// What an evaluation found.
  ///
  /// @param loss mean over the rows, nats
  /// @param accuracy share of rows whose likeliest class is the target
  /// @param rows evaluated
  record Result(double loss, double accuracy, long rows) {}

  Validation(
      Evaluator evaluator,
      Dataset validation,
      RunConfig config,
      Backend backend,
      Collectives collectives,
      int rank,
      int world) {
    this.evaluator = evaluator;
    this.loader =
        new ValidationLoader(
            validation, config.batch().micro(), config.evaluate().samples(), backend);
    this.collectives = collectives;
    this.rank = rank;
    this.world = world;
  }

  Result run() {
    int batches = loader.batches();
    double loss = 0;
    double correct = 0;
    long rows = 0;
    // Exchanged in rounds, so that a record stays small however large the validation set is.
    for (int first = 0; first < batches; first += EXCHANGE / FIELDS) {
      int count = Math.min(EXCHANGE / FIELDS, batches - first);
      double[][] all = collectives.allGather(evaluateOwn(first, count));
      for (int i = 0; i < count; i++) {
        double[] owner = all[(first + i) % world];
        loss += owner[FIELDS * i];
        rows += (long) owner[FIELDS * i + 1];
        correct += owner[FIELDS * i + 2];
      }
    }
    return new Result(loss / rows, correct / rows, rows);
  }

  private double[] evaluateOwn(int first, int count) {
    double[] sums = new double[FIELDS * count];
    for (int i = 0; i < count; i++) {
      if ((first + i) % world == rank) {
        try (Batch batch = loader.batch(first + i)) {
          Evaluation one = evaluator.evaluate(batch);
          sums[FIELDS * i] = one.lossSum();
          sums[FIELDS * i + 1] = one.rows();
          sums[FIELDS * i + 2] = one.correct();
        }
      }
    }
    return sums;
  }
}
