package dev.bellows.tensor;

/// Operations of [ReferenceBackend] on parts of a vocabulary, in double precision.
final class ReferenceVocabulary {
  private static final int STATISTICS = Backend.STATISTICS;

  private ReferenceVocabulary() {}

  static void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out) {
    int[] rows = ReferenceLayers.checkedIds("embedding", "id", ids, part.total());
    long n = table.shape().dim(1);
    for (int i = 0; i < rows.length; i++) {
      long row = rows[i] - part.first();
      for (long j = 0; j < n; j++) {
        boolean held = row >= 0 && row < table.shape().dim(0);
        Values.write(held ? Values.read(table, row * n + j) : 0, out, i * n + j);
      }
    }
  }

  static void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable) {
    int[] rows = ReferenceLayers.checkedIds("embeddingBackward", "id", ids, part.total());
    int n = (int) dtable.shape().dim(1);
    double[] gradients = Values.read(dout);
    double[] sums = Values.read(dtable);
    for (int i = 0; i < rows.length; i++) {
      long row = rows[i] - part.first();
      if (row >= 0 && row < dtable.shape().dim(0)) {
        for (int j = 0; j < n; j++) {
          sums[(int) row * n + j] += gradients[i * n + j];
        }
      }
    }
    Values.write(sums, dtable);
  }

  static void crossEntropyPart(
      Loss loss,
      VocabularyPart part,
      Tensor logits,
      Tensor targets,
      Tensor statistics,
      Tensor exponentials) {
    int m = (int) logits.shape().dim(0);
    int n = (int) logits.shape().dim(1);
    int[] classes = ReferenceLayers.checkedTargets(targets, part.total());
    double[] values = Values.read(logits);
    for (int i = 0; i < m; i++) {
      double maximum = Double.NEGATIVE_INFINITY;
      double total = 0;
      for (int j = 0; j < n; j++) {
        maximum = Math.max(maximum, values[i * n + j]);
        total += values[i * n + j];
      }
      double sum = 0;
      for (int j = 0; j < n; j++) {
        double exponential = StrictMath.exp(values[i * n + j] - maximum);
        sum += exponential;
        Values.write(exponential, exponentials, (long) i * n + j);
      }
      long target = classes[i] - part.first();
      boolean held = classes[i] >= 0 && target >= 0 && target < n;
      long at = (long) i * STATISTICS;
      Values.write(maximum, statistics, at);
      Values.write(sum, statistics, at + 1);
      Values.write(held ? values[i * n + (int) target] : 0, statistics, at + 2);
      Values.write(loss.labelSmoothing() == 0 ? 0 : total, statistics, at + 3);
    }
  }

  /// What the parts of row `row` say together: maximum, sum of exponentials, target's logit, sum of logits.
  private static double[] combine(Tensor statistics, long row) {
    long parts = statistics.shape().dim(0);
    long stride = statistics.shape().dim(1) * STATISTICS;
    double[] all = {Double.NEGATIVE_INFINITY, 0, 0, 0};
    for (long part = 0; part < parts; part++) {
      all[0] = Math.max(all[0], Values.read(statistics, part * stride + row * STATISTICS));
    }
    for (long part = 0; part < parts; part++) {
      long at = part * stride + row * STATISTICS;
      all[1] +=
          StrictMath.exp(Values.read(statistics, at) - all[0]) * Values.read(statistics, at + 1);
      all[2] += Values.read(statistics, at + 2);
      all[3] += Values.read(statistics, at + 3);
    }
    return all;
  }

  static void crossEntropyOfParts(
      Loss loss, long total, Tensor targets, Tensor statistics, Tensor losses) {
    int[] classes = ReferenceLayers.checkedTargets(targets, total);
    for (int i = 0; i < classes.length; i++) {
      double[] row = combine(statistics, i);
      double logSumExp = row[0] + StrictMath.log(row[1]);
      double value =
          logSumExp
              - (1 - loss.labelSmoothing()) * row[2]
              - loss.labelSmoothing() * row[3] / total
              + loss.zLoss() * logSumExp * logSumExp;
      Values.write(classes[i] < 0 ? 0 : value, losses, i);
    }
  }

  static void crossEntropyOfPartsGradient(
      Loss loss,
      VocabularyPart part,
      Tensor targets,
      double scale,
      Tensor statistics,
      Tensor gradient) {
    int n = (int) gradient.shape().dim(1);
    int[] classes = ReferenceLayers.checkedTargets(targets, part.total());
    double[] values = Values.read(gradient);
    long own = part.index() * statistics.shape().dim(1) * STATISTICS;
    for (int i = 0; i < classes.length; i++) {
      double[] row = combine(statistics, i);
      double logSumExp = row[0] + StrictMath.log(row[1]);
      double shift = Values.read(statistics, own + (long) i * STATISTICS) - row[0];
      double factor = StrictMath.exp(shift) / row[1] * (1 + 2 * loss.zLoss() * logSumExp);
      for (int j = 0; j < n; j++) {
        double target =
            loss.labelSmoothing() / part.total()
                + (part.first() + j == classes[i] ? 1 - loss.labelSmoothing() : 0);
        double slope = factor * values[i * n + j] - target;
        Values.write(classes[i] < 0 ? 0 : scale * slope, gradient, (long) i * n + j);
      }
    }
  }
}
