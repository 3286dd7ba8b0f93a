package dev.bellows.trainer;

import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.parallelism.Collectives;
import dev.bellows.trainer.data.ValidationBatch;
import dev.bellows.trainer.data.ValidationLoader;

/// The loss on held-out samples, shared by the ranks: rank r takes batches r, r + world, …; the batches' sums are added in batch order, so
/// the result has the same bits at every world size. Borrows what it is given.
final class Validation {
  private static final int FIELDS = 3;

  /// Exchanged in rounds of so many batches, so that a record stays small however large the validation set is.
  private static final int ROUND = 256;

  private final Evaluator evaluator;
  private final ValidationLoader loader;
  private final Collectives collectives;

  /// What an evaluation found.
  ///
  /// @param loss mean over the rows, nats
  /// @param accuracy share of rows whose likeliest class is the target
  /// @param rows evaluated
  record Result(double loss, double accuracy, long rows) {}

  Validation(Evaluator evaluator, ValidationLoader loader, Collectives collectives) {
    this.evaluator = evaluator;
    this.loader = loader;
    this.collectives = collectives;
  }

  Result run() {
    int world = collectives.worldSize();
    double loss = 0;
    double correct = 0;
    long rows = 0;
    for (long first = 0; first < loader.batches(); first += ROUND) {
      int count = (int) Math.min(ROUND, loader.batches() - first);
      double[][] all = collectives.allGather(evaluateOwn(first, count));
      for (int i = 0; i < count; i++) {
        double[] owner = all[(int) ((first + i) % world)];
        loss += owner[FIELDS * i];
        rows += (long) owner[FIELDS * i + 1];
        correct += owner[FIELDS * i + 2];
      }
    }
    return new Result(loss / rows, correct / rows, rows);
  }

  private double[] evaluateOwn(long first, int count) {
    double[] sums = new double[FIELDS * count];
    for (int i = 0; i < count; i++) {
      if ((first + i) % collectives.worldSize() == collectives.rank()) {
        try (ValidationBatch batch = loader.load(first + i)) {
          Evaluation one = evaluator.evaluate(batch.batch());
          sums[FIELDS * i] = one.lossSum();
          sums[FIELDS * i + 1] = one.rows();
          sums[FIELDS * i + 2] = one.correct();
        }
      }
    }
    return sums;
  }
}
