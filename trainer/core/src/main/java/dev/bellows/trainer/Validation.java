package dev.bellows.trainer;

import dev.bellows.trainer.data.ValidationBatch;
import dev.bellows.trainer.data.ValidationLoader;

/// The loss on held-out samples, shared by the data axis: data rank r of d takes batches r, r + d, …; the batches' sums are added in batch order, so
/// the result has the same bits at every degree. Borrows what it is given.
final class Validation {
  private static final int FIELDS = 3;

  /// Exchanged in rounds of so many batches, so that a record stays small however large the validation set is.
  private static final int ROUND = 256;

  private final ModelPart part;
  private final ValidationLoader loader;
  private final RankGroups groups;

  /// What an evaluation found.
  ///
  /// @param loss mean over the rows, nats
  /// @param accuracy share of rows whose likeliest class is the target
  /// @param rows evaluated
  record Result(double loss, double accuracy, long rows) {}

  Validation(ModelPart part, ValidationLoader loader, RankGroups groups) {
    this.part = part;
    this.loader = loader;
    this.groups = groups;
  }

  Result run() {
    int data = groups.mesh().data();
    int round = Math.max(1, ROUND / data) * data;
    double loss = 0;
    double correct = 0;
    long rows = 0;
    for (long first = 0; first < loader.batches(); first += round) {
      int count = (int) Math.min(round, loader.batches() - first);
      double[][] all = groups.world().allGather(evaluateOwn(first, count));
      for (int i = 0; i < count; i++) {
        double[] owner = all[groups.lossRank(i % data)];
        loss += owner[FIELDS * i];
        rows += (long) owner[FIELDS * i + 1];
        correct += owner[FIELDS * i + 2];
      }
    }
    return new Result(loss / rows, correct / rows, rows);
  }

  /// All ranks of the data axis run equally many passes: who has a batch less plays along.
  private double[] evaluateOwn(long first, int count) {
    double[] sums = new double[FIELDS * count];
    for (int turn = 0; turn < count; turn += groups.mesh().data()) {
      int i = turn + groups.at().data();
      if (i >= count) {
        part.playEvaluation();
        continue;
      }
      try (ValidationBatch batch = loader.load(first + i)) {
        part.evaluate(batch.batch())
            .ifPresent(
                one -> {
                  sums[FIELDS * i] = one.lossSum();
                  sums[FIELDS * i + 1] = one.rows();
                  sums[FIELDS * i + 2] = one.correct();
                });
      }
    }
    return sums;
  }
}
