package dev.bellows.tensor;

/// The layers of [ReferenceBackend] by their textbook formulas. Arguments are checked by the caller, but for ids.
final class ReferenceLayers {
  private ReferenceLayers() {}

  static void layerNorm(
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor mean,
      Tensor inverseDeviation) {
    int m = (int) x.shape().dim(0);
    int n = (int) x.shape().dim(1);
    double[] values = Values.read(x);
    double[] weights = Values.read(gamma);
    double[] offsets = Values.read(beta);
    for (int i = 0; i < m; i++) {
      double average = 0;
      for (int j = 0; j < n; j++) {
        average += values[i * n + j] / n;
      }
      double variance = 0;
      for (int j = 0; j < n; j++) {
        double difference = values[i * n + j] - average;
        variance += difference * difference / n;
      }
      double inverse = 1 / StrictMath.sqrt(variance + epsilon);
      for (int j = 0; j < n; j++) {
        Values.write(
            (values[i * n + j] - average) * inverse * weights[j] + offsets[j], y, (long) i * n + j);
      }
      Values.write(average, mean, i);
      Values.write(inverse, inverseDeviation, i);
    }
  }

  /// With h = (x - mean) · inverseDeviation and w = dy · gamma: dx = inverseDeviation · (w - avg(w) - h · avg(w · h)), averages over a row;
  /// dgamma = sum of dy · h and dbeta = sum of dy over the rows.
  static void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor inverseDeviation,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      Tensor dbeta,
      boolean accumulate) {
    int m = (int) x.shape().dim(0);
    int n = (int) x.shape().dim(1);
    double[] values = Values.read(x);
    double[] gradients = Values.read(dy);
    double[] weights = Values.read(gamma);
    double[] dweights = new double[n];
    double[] doffsets = new double[n];
    for (int i = 0; i < m; i++) {
      double average = Values.read(mean, i);
      double inverse = Values.read(inverseDeviation, i);
      double averageW = 0;
      double averageWh = 0;
      for (int j = 0; j < n; j++) {
        double h = (values[i * n + j] - average) * inverse;
        double g = gradients[i * n + j];
        averageW += g * weights[j] / n;
        averageWh += g * weights[j] * h / n;
        dweights[j] += g * h;
        doffsets[j] += g;
      }
      for (int j = 0; j < n; j++) {
        double h = (values[i * n + j] - average) * inverse;
        Values.write(
            inverse * (gradients[i * n + j] * weights[j] - averageW - h * averageWh),
            dx,
            (long) i * n + j);
      }
    }
    Values.write(dweights, dgamma, accumulate);
    Values.write(doffsets, dbeta, accumulate);
  }

  static void embedding(Tensor ids, Tensor table, Tensor out, boolean accumulate) {
    int n = (int) table.shape().dim(1);
    int[] rows = checkedIds("embedding", "id", ids, table.shape().dim(0));
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < n; j++) {
        long target = (long) i * n + j;
        double value = Values.read(table, (long) rows[i] * n + j);
        Values.write(accumulate ? Values.read(out, target) + value : value, out, target);
      }
    }
  }

  static void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    int n = (int) dtable.shape().dim(1);
    int[] rows = checkedIds("embeddingBackward", "id", ids, dtable.shape().dim(0));
    double[] gradients = Values.read(dout);
    double[] sums = Values.read(dtable);
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < n; j++) {
        sums[rows[i] * n + j] += gradients[i * n + j];
      }
    }
    Values.write(sums, dtable);
  }

  static void crossEntropy(Loss loss, Tensor logits, Tensor targets, Tensor losses) {
    int m = (int) logits.shape().dim(0);
    int v = (int) logits.shape().dim(1);
    int[] classes = checkedTargets(targets, v);
    double[] values = Values.read(logits);
    for (int i = 0; i < m; i++) {
      double value = 0;
      if (classes[i] >= 0) {
        double logSumExp = logSumExp(values, i * v, v);
        double average = 0;
        for (int j = 0; j < v; j++) {
          average += values[i * v + j] / v;
        }
        value =
            logSumExp
                - (1 - loss.labelSmoothing()) * values[i * v + classes[i]]
                - loss.labelSmoothing() * average
                + loss.zLoss() * logSumExp * logSumExp;
      }
      Values.write(value, losses, i);
    }
  }

  /// The slope of log(sum of exp) is the softmax.
  static void crossEntropyGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor dlogits) {
    int m = (int) logits.shape().dim(0);
    int v = (int) logits.shape().dim(1);
    int[] classes = checkedTargets(targets, v);
    double[] values = Values.read(logits);
    for (int i = 0; i < m; i++) {
      double logSumExp = logSumExp(values, i * v, v);
      for (int j = 0; j < v; j++) {
        double softmax = StrictMath.exp(values[i * v + j] - logSumExp);
        double target =
            loss.labelSmoothing() / v + (j == classes[i] ? 1 - loss.labelSmoothing() : 0);
        double gradient = softmax * (1 + 2 * loss.zLoss() * logSumExp) - target;
        Values.write(classes[i] < 0 ? 0 : scale * gradient, dlogits, (long) i * v + j);
      }
    }
  }

  /// log(sum of exp) of `count` values, shifted by their maximum so that nothing overflows.
  private static double logSumExp(double[] values, int start, int count) {
    double maximum = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < count; j++) {
      maximum = Math.max(maximum, values[start + j]);
    }
    double sum = 0;
    for (int j = 0; j < count; j++) {
      sum += StrictMath.exp(values[start + j] - maximum);
    }
    return maximum + StrictMath.log(sum);
  }

  static int[] checkedIds(String operation, String what, Tensor ids, long bound) {
    int[] values = Values.ids(ids);
    for (int i = 0; i < values.length; i++) {
      if (values[i] < 0 || values[i] >= bound) {
        throw new IndexOutOfBoundsException(
            operation
                + ": "
                + what
                + " "
                + values[i]
                + " at row "
                + i
                + " is not in [0, "
                + bound
                + ")");
      }
    }
    return values;
  }

  static int[] checkedTargets(Tensor targets, long bound) {
    int[] values = Values.ids(targets);
    for (int i = 0; i < values.length; i++) {
      if (values[i] >= bound) {
        throw new IndexOutOfBoundsException(
            "crossEntropy: target " + values[i] + " at row " + i + " is not below " + bound);
      }
    }
    return values;
  }
}
